"""``python -m train report``."""

import argparse
from pathlib import Path

from train.steps.commands.arguments import Steps, add_bundle
from train.steps.commands.leak import LEAK


def add_parser(steps: Steps) -> None:
    step = steps.add_parser("report", help="render documents from metrics.json")
    add_bundle(step)
    add_arguments(step)
    step.set_defaults(step=run)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--readme", type=Path, help="a file whose marked parts are rendered anew (default: none)"
    )
    parser.add_argument(
        "--leak", type=Path, default=LEAK, help="what the step leak wrote (default: train/steps/leak.json)"
    )


def run(arguments: argparse.Namespace) -> None:
    from train.report.documents import report

    report(arguments.bundle, arguments.readme, arguments.leak)
