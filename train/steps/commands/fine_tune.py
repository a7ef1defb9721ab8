"""``python -m train fine-tune``."""

import argparse
from pathlib import Path

from train.datasets.targets import TARGETS, write_targets
from train.steps.commands.arguments import Steps, add_data, add_others, taught_and_untaught


def add_parser(steps: Steps) -> None:
    step = steps.add_parser(
        "fine-tune",
        help="instead of embed and teach, where there is a GPU: teachers whose own layers learn",
        description="Fine-tunes CLIP ViT-B/16 in five folds (needs what train/README.md says) and writes "
        "what each says of the photos that it was not shown. Minutes on a GPU, hours on two cores; it says "
        "which, and goes on with the next fold where it stopped.",
    )
    add_data(step)
    add_others(step)
    step.add_argument("--folds", type=Path, required=True, help="a folder for each fold's answers")
    step.add_argument("--weights", type=Path, help="the tower's ONNX file (default: the package's)")
    step.add_argument("--epochs", type=int, default=6, help="of each fold (default: %(default)s)")
    step.add_argument("--blocks", type=int, default=12, help="the last that learn (default: all 12)")
    step.add_argument(
        "--targets", type=Path, default=TARGETS, help="the file to write (default: the committed one)"
    )
    step.set_defaults(step=run)


def run(arguments: argparse.Namespace) -> None:
    from train.network.clip import weights_file
    from train.steps.fine_tune import Tuning, fine_tune

    targets = fine_tune(
        *taught_and_untaught(arguments),
        arguments.weights or weights_file(),
        arguments.folds,
        Tuning(epochs=arguments.epochs, blocks=arguments.blocks),
    )
    write_targets(arguments.targets, targets)
    print(f"the targets of {len(targets)} photos are in {arguments.targets}")
