"""``python -m train download``."""

import argparse
from pathlib import Path

from train.steps.commands.arguments import Steps


def add_parser(steps: Steps) -> None:
    step = steps.add_parser("download", help="fetch HAM10000 from Harvard Dataverse")
    step.add_argument("--to", type=Path, default=Path("data/ham10000"), help="folder (default: %(default)s)")
    step.set_defaults(step=run)


def run(arguments: argparse.Namespace) -> None:
    from train.datasets.download import download

    print(f"HAM10000 is in {download(arguments.to)}")
