"""``python -m train embed``."""

import argparse
from pathlib import Path

from train.datasets.dataset import Subset, open_collection
from train.steps.commands.arguments import Steps


def add_parser(steps: Steps) -> None:
    step = steps.add_parser(
        "embed",
        help="what a large frozen network sees in each photo, for the step teach",
        description="Writes the features of photos by CLIP ViT-B/16 (train/README.md has what it needs): "
        "about 10 photos a second on two cores, 1,000 on a GPU; it says which before it starts, and goes on "
        "where it stopped.",
    )
    step.add_argument("--images", type=Path, nargs="+", required=True, help="collections, as zips or folders")
    step.add_argument("--features", type=Path, required=True, help="the folder to write")
    step.set_defaults(step=run)


def run(arguments: argparse.Namespace) -> None:
    from train.steps.embed import embed

    collections = [open_collection(each) for each in arguments.images]
    embed([Subset(each, each.records) for each in collections], arguments.features)
    print(f"the features are in {arguments.features}")
