"""``python -m train average``."""

import argparse
from pathlib import Path

from train.steps.commands.arguments import Steps, add_run


def add_parser(steps: Steps) -> None:
    step = steps.add_parser(
        "average",
        help="average the weights of runs that began with the same network",
        description="Averages the weights of finished runs of one last stage, which differ in their seed, "
        "into a run of its own, to be calibrated and exported like any other.",
    )
    add_run(step)
    step.add_argument("--runs", type=Path, nargs="+", required=True, help="their folders")
    step.set_defaults(step=run)


def run(arguments: argparse.Namespace) -> None:
    from train.steps.average import average

    print(f"the network is in {average(arguments.runs, arguments.run)}")
