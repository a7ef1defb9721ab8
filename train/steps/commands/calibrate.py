"""``python -m train calibrate``."""

import argparse
import dataclasses
import json
from pathlib import Path

from train.steps.commands.arguments import (
    Steps,
    add_data,
    add_others,
    add_run,
    elsewhere_collections,
    everyday_photos,
    extra_collections,
    nail_photos,
    part_of,
    phone_part,
)


def add_parser(steps: Steps) -> None:
    step = steps.add_parser("calibrate", help="choose on validation")
    add_data(step)
    add_run(step)
    add_others(step)
    add_arguments(step)
    step.set_defaults(step=run)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--size", type=int, default=192, help="side of the served input in pixels (default: %(default)s)"
    )
    parser.add_argument(
        "--cross-fitted",
        type=Path,
        nargs="+",
        default=[],
        metavar="RUN",
        help="the runs of which this one is the mean, one for each fold of validation (fit --all-but): each "
        "says what its fold's chances are",
    )
    parser.add_argument(
        "--views",
        type=int,
        choices=(1, 2, 4, 8),
        default=2,
        help="turned and mirrored views averaged in the graph (default: %(default)s)",
    )


def run(arguments: argparse.Namespace) -> None:
    from train.datasets.masks import open_masks
    from train.steps.calibrate import calibrate
    from train.steps.fit_heads import PhotoSets

    others = PhotoSets(
        phone_part(arguments, "train"),
        phone_part(arguments, "val"),
        everyday_photos(arguments, 0),
        open_masks(arguments.masks) if arguments.masks else None,
        tuple(extra_collections(arguments)),
        nail_photos(arguments, 0),
        tuple(elsewhere_collections(arguments)),
    )
    balance = json.loads((arguments.run / "run.json").read_text(encoding="utf-8"))["recipe"]["balance"]
    choices = calibrate(
        arguments.run,
        part_of(arguments, "train"),
        part_of(arguments, "val"),
        balance,
        arguments.size,
        arguments.views,
        others,
        arguments.cross_fitted,
    )
    print(json.dumps(dataclasses.asdict(choices), indent=2))
