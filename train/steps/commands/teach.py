"""``python -m train teach``."""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from train.datasets.dataset import Subset, open_collection
from train.datasets.split import unseen_part
from train.datasets.targets import TARGETS, write_targets
from train.steps.commands.arguments import (
    Steps,
    add_data,
    add_others,
    part_of,
    phone_part,
    taught_and_untaught,
)

if TYPE_CHECKING:
    from train.steps.left_out import Held


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
    step.add_argument(
        "--left-out",
        type=Path,
        help="a JSON file for leave-one-collection-out figures: each collection with diagnoses in turn is "
        "left out of what teaches, and asked (a minute more each)",
    )
    step.set_defaults(step=run)


def run(arguments: argparse.Namespace) -> None:
    from train.steps.left_out import left_out_figures
    from train.steps.teach import cross_fitted, read_features

    taught, untaught = taught_and_untaught(arguments)
    features = read_features(arguments.features)
    targets = cross_fitted(taught, untaught, features)
    write_targets(arguments.targets, targets)
    print(f"the targets of {len(targets)} photos are in {arguments.targets}")
    if arguments.left_out:
        figures = left_out_figures(_held(arguments, taught), features)
        arguments.left_out.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
        for name, found in figures.items():
            print(
                f"{name}: malignancy AUC {found['without_it']['value']:.3f} without it in training, "
                f"{found['with_it']['value']:.3f} with it ({found['photos']} photos)"
            )


def _held(arguments: argparse.Namespace, taught: Sequence[Subset]) -> "dict[str, Held]":
    """Returns what teaches with the part of the same collection that only measures."""
    from train.steps.left_out import Held

    validation = [part_of(arguments, "val"), phone_part(arguments, "val")]
    validation += [unseen_part(open_collection(each))[1] for each in arguments.extra]
    asked = {subset.collection.name: subset.records for subset in validation if subset}
    return {each.collection.name: Held(each.records, asked[each.collection.name]) for each in taught}
