"""``python -m train fit``: a recipe from a command line."""

import argparse
import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from train.network.names import EFFICIENTNETS, SEED_CNN
from train.steps.commands.arguments import (
    Steps,
    add_data,
    add_extra,
    add_phone,
    add_run,
    extra_collections,
    part_of,
    phone_part,
)

if TYPE_CHECKING:
    from train.steps.recipe import Recipe

# What a command line may say of a recipe.
GIVEN = (
    "stages",
    "seed",
    "batch_size",
    "learning_rate",
    "drop_connect",
    "deterministic",
    "teacher_share",
    "extra_share",
    "frozen_stages",
    "mixup",
)


class _Fold(NamedTuple):
    """``fold`` of ``folds``, the former from 0."""

    fold: int
    folds: int


def add_parser(steps: Steps) -> None:
    step = steps.add_parser("fit", help="train a network")
    add_data(step)
    add_run(step)
    add_recipe(step)
    add_phone(step)
    add_extra(step)
    step.add_argument(
        "--all-but",
        type=_fold,
        metavar="K/N",
        help="learn from validation, too, but for its fold K of N: for networks to average, which are "
        "calibrated with --cross-fitted",
    )
    step.set_defaults(step=run)


def add_recipe(parser: argparse.ArgumentParser) -> None:
    """Adds how to train, and from what to begin."""
    add_way(parser)
    parser.add_argument(
        "--start", type=Path, help="a finished network (classifier.keras), or a bundle, to go on from"
    )
    parser.add_argument(
        "--teacher",
        type=Path,
        nargs="+",
        default=[],
        metavar="BUNDLE",
        help="bundles whose answers, averaged, teach too",
    )
    parser.add_argument(
        "--targets",
        type=Path,
        help="what teachers said of photos that they had not seen (see teach), instead of --teacher",
    )
    parser.add_argument("--resume", action="store_true", help="go on from the run's last checkpoint")
    parser.add_argument(
        "--strategy",
        choices=("single", "mirrored"),
        default="single",
        help="mirrored: split each batch over all GPUs of this machine (default: %(default)s)",
    )
    parser.add_argument("--no-pretrained", action="store_true", help="start from random weights")


def add_way(parser: argparse.ArgumentParser) -> None:
    """Adds what a :class:`train.steps.recipe.Recipe` may be told."""
    parser.add_argument(
        "--model",
        choices=(*EFFICIENTNETS, SEED_CNN),
        default="lite0",
        help="EfficientNet-Lite0 to 2, or the 3-layer CNN of the original write-up (default: %(default)s)",
    )
    parser.add_argument(
        "--stages",
        type=_stages,
        metavar="SIZExEPOCHS,…",
        help="crop sizes and their epochs, e.g. 128x8,160x10 (which is the default)",
    )
    parser.add_argument(
        "--seed", type=int, default=0, help="seed of everything random (default: %(default)s)"
    )
    parser.add_argument("--batch-size", type=int, help="images a step")
    parser.add_argument("--learning-rate", type=float, help="peak learning rate")
    parser.add_argument(
        "--drop-connect",
        type=float,
        help="how often the last of the blocks is left out in training (default: 0)",
    )
    parser.add_argument("--frozen-stages", type=int, help="stages of the backbone that stay as they start")
    parser.add_argument("--extra-share", type=float, help="of the draws (default: 0.25 with --extra)")
    parser.add_argument(
        "--mixup", type=float, help="mix images in pairs, each share from Beta(MIXUP, MIXUP) (default: none)"
    )
    parser.add_argument(
        "--teacher-share",
        type=float,
        help="of each target, the rest is the label (default: 0.5 with --teacher or --targets)",
    )
    parser.add_argument(
        "--deterministic", action="store_true", help="the same weights from the same seed (slower)"
    )


def _stages(text: str) -> tuple[tuple[int, int], ...]:
    try:
        pairs = [part.split("x") for part in text.split(",")]
        return tuple((int(size), int(epochs)) for size, epochs in pairs)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} does not look like 128x8,160x10") from None


def _fold(text: str) -> _Fold:
    try:
        fold, folds = map(int, text.split("/"))
    except ValueError:
        fold, folds = 0, 0
    if not 1 <= fold <= folds or folds < 2:
        raise argparse.ArgumentTypeError(f"{text!r} does not look like 1/5")
    return _Fold(fold - 1, folds)


def recipe_of(arguments: argparse.Namespace, taught: bool) -> "Recipe":
    """Returns what the command line says of how to train; ``taught`` is whether there is a teacher."""
    from train.steps.recipe import SEED_CNN_RECIPE, Recipe

    recipe = SEED_CNN_RECIPE if arguments.model == SEED_CNN else Recipe(model=arguments.model)
    given = {name: getattr(arguments, name) for name in GIVEN if getattr(arguments, name) is not None}
    if taught:
        given.setdefault("teacher_share", 0.5)
    if arguments.extra:
        given.setdefault("extra_share", 0.25)
    if getattr(arguments, "all_but", None):  # of fit alone: one such network cannot be calibrated
        given |= arguments.all_but._asdict()
    return dataclasses.replace(recipe, **given)


def run(arguments: argparse.Namespace) -> None:
    from train.steps.cross_fit import without_fold
    from train.steps.fit import fit

    recipe = recipe_of(arguments, bool(arguments.teacher or arguments.targets))
    train, val, phone = (
        part_of(arguments, "train"),
        part_of(arguments, "val"),
        phone_part(arguments, "train"),
    )
    if recipe.folds:
        train, val = without_fold(train, val, recipe.folds, recipe.fold)
        phone_val = phone_part(arguments, "val")
        if phone and phone_val:
            phone, _ = without_fold(phone, phone_val, recipe.folds, recipe.fold)
    finished = fit(
        train,
        val,
        recipe,
        arguments.run,
        phone=phone,
        resume=arguments.resume,
        start=arguments.start,
        extra=extra_collections(arguments),
        teachers=arguments.teacher,
        targets=arguments.targets,
        pretrained=not arguments.no_pretrained,
        strategy=arguments.strategy,
    )
    print(f"the network is in {finished}")
