"""``python -m train teach``."""

import argparse
from pathlib import Path

from train.datasets.dataset import Subset
from train.datasets.targets import TARGETS, write_targets
from train.steps.commands.arguments import (
    Steps,
    add_data,
    add_others,
    extra_collections,
    part_of,
    phone_part,
)


def add_parser(steps: Steps) -> None:
    step = steps.add_parser(
        "teach",
        help="what teachers that had not seen a photo say of it, from the features",
        description="Fits teachers on the features that embed wrote, five on four fifths each, and writes "
        "what each says of the photos that it was not shown: the targets that fit learns from (two minutes).",
    )
    add_data(step)
    add_others(step)
    step.add_argument("--features", type=Path, required=True, help="the folder that embed wrote")
    step.add_argument(
        "--targets", type=Path, default=TARGETS, help="the file to write (default: the committed one)"
    )
    step.set_defaults(step=run)


def run(arguments: argparse.Namespace) -> None:
    from train.steps.teach import cross_fitted, read_features

    extra = extra_collections(arguments)
    phone = phone_part(arguments, "train")
    taught = [part_of(arguments, "train"), *([phone] if phone else [])]
    untaught: list[Subset] = []
    for subset in extra:
        # Melanomas from one place and harmless spots from another: a teacher would learn the place.
        has_diagnoses = all(record.dx for record in subset.records)
        (taught if has_diagnoses else untaught).append(subset)
    targets = cross_fitted(taught, untaught, read_features(arguments.features))
    write_targets(arguments.targets, targets)
    print(f"the targets of {len(targets)} photos are in {arguments.targets}")
