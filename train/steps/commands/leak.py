"""``python -m train leak``."""

import argparse
from pathlib import Path

from train.datasets import split as splits
from train.datasets.dataset import open_collection
from train.steps.commands.arguments import Steps, add_data

LEAK = Path(__file__).parents[1] / "leak.json"


def add_parser(steps: Steps) -> None:
    step = steps.add_parser(
        "leak",
        help="show what a split by image would have claimed",
        description="Fits one short recipe twice, on the split by lesion and on one by image, and writes "
        "what each claims into train/steps/leak.json, which the report shows.",
    )
    add_data(step)
    step.add_argument(
        "--size", type=int, default=160, help="side of the images in pixels (default: %(default)s)"
    )
    step.add_argument("--resamples", type=int, default=1000, help="of the bootstrap (default: %(default)s)")
    step.add_argument(
        "--out", type=Path, default=LEAK, help="the file to write (default: train/steps/leak.json)"
    )
    step.set_defaults(step=run)


def run(arguments: argparse.Namespace) -> None:
    from train.steps.leak import leak, write_leak

    parts = splits.read_split(splits.HAM10000, arguments.split_file)
    found = leak(open_collection(arguments.data), parts, arguments.size, arguments.resamples)
    write_leak(found, arguments.out)
    for name in ("by_lesion", "by_image"):
        accuracy, balanced = (found[name][key]["value"] for key in ("accuracy", "balanced_accuracy"))
        print(f"split {name.replace('_', ' ')}: accuracy {accuracy:.3f}, balanced accuracy {balanced:.3f}")
    print(f"the comparison is in {arguments.out}")
