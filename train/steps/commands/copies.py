"""``python -m train copies``."""

import argparse
from pathlib import Path

from train.datasets import split as splits
from train.datasets.dataset import open_collection
from train.datasets.near_copies import NEAR_COPIES, near_copies, write_near_copies
from train.steps.commands.arguments import Steps, add_data, add_extra, extra_collections, part_of


def add_parser(steps: Steps) -> None:
    step = steps.add_parser(
        "copies",
        help="photos of other collections that show a photo which only measures, under another name",
        description="Looks for pictures under two names, by picture: photos of --extra that look like one of "
        "HAM10000's validation or test part or of ISIC 2017's unseen part. fit leaves out what the committed "
        "file names (some minutes).",
    )
    add_data(step)
    add_extra(step)
    step.add_argument(
        "--out", type=Path, default=NEAR_COPIES, help="the file to write (default: the committed one)"
    )
    step.set_defaults(step=run)


def run(arguments: argparse.Namespace) -> None:
    unseen = [splits.unseen_part(open_collection(each))[1] for each in arguments.extra]
    measuring = [part_of(arguments, "val"), part_of(arguments, "test"), *unseen]
    found = near_copies(extra_collections(arguments, with_copies=True), measuring)
    write_near_copies(arguments.out, found)
    print(f"{len(found)} photos with a near copy that measures are in {arguments.out}")
