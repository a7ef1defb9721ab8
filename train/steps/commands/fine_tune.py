"""``python -m train fine-tune``."""

import argparse
from pathlib import Path

from train.datasets.targets import read_targets, together, write_targets
from train.steps.commands.arguments import Steps, add_data, add_extra, add_phone, taught_and_untaught


def add_parser(steps: Steps) -> None:
    step = steps.add_parser(
        "fine-tune",
        help="teachers whose own last layers learn, or all of them where there is a GPU",
        description="Fine-tunes CLIP ViT-B/16 in folds (needs what train/README.md says) and writes what "
        "each says of the photos that it was not shown: the last 4 of 12 blocks in about an hour of two "
        "cores, all 12 (--blocks 12 --epochs 6 --batch-size 64 --learning-rate 2e-5) in minutes of a GPU. "
        "It says how long before it starts, and goes on where it stopped.",
    )
    add_data(step)
    add_phone(step)
    add_extra(step)
    step.add_argument("--folds", type=Path, required=True, help="a folder for each fold's answers")
    step.add_argument("--fold-count", type=int, default=5, help="how many (default: %(default)s)")
    step.add_argument("--weights", type=Path, help="the tower's ONNX file (default: the package's)")
    step.add_argument("--blocks", type=int, default=4, help="the last that learn (default: %(default)s)")
    step.add_argument("--epochs", type=int, default=3, help="of each fold (default: %(default)s)")
    step.add_argument("--batch-size", type=int, default=32, help="(default: %(default)s)")
    step.add_argument("--learning-rate", type=float, default=3e-5, help="(default: %(default)s)")
    step.add_argument(
        "--together-with",
        type=Path,
        help="another teacher's targets, as teach writes them: those written are the mean of both logits",
    )
    step.add_argument("--targets", type=Path, required=True, help="the file to write")
    step.set_defaults(step=run)


def run(arguments: argparse.Namespace) -> None:
    from train.network.clip import weights_file
    from train.steps.fine_tune import Tuning, fine_tune

    other = read_targets(arguments.together_with) if arguments.together_with else None
    tuning = Tuning(
        arguments.blocks,
        arguments.fold_count,
        arguments.epochs,
        arguments.batch_size,
        arguments.learning_rate,
    )
    targets = fine_tune(
        *taught_and_untaught(arguments), arguments.weights or weights_file(), arguments.folds, tuning
    )
    if other is not None:
        targets = together(targets, other)
    write_targets(arguments.targets, targets)
    print(f"the targets of {len(targets)} photos are in {arguments.targets}")
