"""``python -m train split``."""

import argparse
from pathlib import Path

from train.datasets import split as splits
from train.datasets.dataset import open_collection
from train.steps.commands.arguments import Steps, add_data


def add_parser(steps: Steps) -> None:
    step = steps.add_parser("split", help="write the lesion-disjoint split")
    add_data(step)
    step.set_defaults(step=run)


def run(arguments: argparse.Namespace) -> None:
    text = splits.format_split(splits.make_split(open_collection(arguments.data).records))
    file: Path = arguments.split_file
    if file.is_file() and file.read_text(encoding="utf-8") != text:
        raise splits.SplitError(f"{file} holds another split already; name another file with --split-file")
    file.write_text(text, encoding="utf-8")
    print(f"the split is in {file}")
