"""``python -m train teach``."""

import argparse
from pathlib import Path

from train.datasets.targets import write_targets
from train.steps.commands.arguments import Steps, add_data, add_extra, add_phone, taught_and_untaught


def add_parser(steps: Steps) -> None:
    step = steps.add_parser(
        "teach",
        help="what teachers that had not seen a photo say of it, from the features",
        description="Fits teachers on the features that embed wrote, five on four fifths each, and writes "
        "what each says of the photos that it was not shown: the targets that fit learns from (two minutes).",
    )
    add_data(step)
    add_phone(step)
    add_extra(step)
    step.add_argument("--features", type=Path, required=True, help="the folder that embed wrote")
    step.add_argument(
        "--targets",
        type=Path,
        required=True,
        help="the file to write; the committed one holds the mean of these and fine-tune's",
    )
    step.set_defaults(step=run)


def run(arguments: argparse.Namespace) -> None:
    from train.steps.teach import cross_fitted, read_features

    taught, untaught = taught_and_untaught(arguments)
    features = read_features(arguments.features)
    targets = cross_fitted(taught, untaught, features)
    write_targets(arguments.targets, targets)
    print(f"the targets of {len(targets)} photos are in {arguments.targets}")
