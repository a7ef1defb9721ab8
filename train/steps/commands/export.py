"""``python -m train export``: the served graph, and the words for what it learned from."""

import argparse
import json

from train.datasets.split import Part
from train.steps.commands.arguments import (
    Steps,
    add_bundle,
    add_data,
    add_extra,
    add_phone,
    add_refused,
    add_run,
    everyday_photos,
    extra_collections,
    nail_photos,
    part_of,
    phone_part,
)

EXTRA_NAMES = {
    "isic2017": "ISIC 2017 challenge (arXiv:1710.05006)",
    "isic_archive_melanoma": "ISIC archive (melanoma against harmless)",
}


def add_parser(steps: Steps) -> None:
    step = steps.add_parser("export", help="write the bundle")
    add_data(step)
    add_run(step)
    add_phone(step)
    add_refused(step)
    add_extra(step)
    add_bundle(step)
    add_arguments(step)
    step.set_defaults(step=run)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--version", default="0.0.0", help="the bundle's version (default: %(default)s)")
    parser.add_argument(
        "--bits",
        type=int,
        choices=(8, 16, 32),
        default=32,
        help="of the weights in model.tflite. 16: half the size, and model.keras computes with the same. "
        "8: convolutions compute with integers, in half the time. Both fail where that changes too much on "
        "validation (default: %(default)s)",
    )


def run(arguments: argparse.Namespace) -> None:
    from train.steps.export import export

    measured_on = part_of(arguments, "val") if arguments.bits < 32 else None
    learned = training_data(arguments)
    export(arguments.run, arguments.bundle, arguments.version, learned, arguments.bits, measured_on)
    print(f"the bundle is in {arguments.bundle}")


def training_data(arguments: argparse.Namespace) -> list[str]:
    """Returns a sentence a collection: what the network or its heads learned from."""
    from train.steps.cross_fit import unseen_by
    from train.steps.fit_heads import MOST_OF_ANOTHER
    from train.steps.run_folder import ALL_OF_IT

    about = json.loads((arguments.run / "run.json").read_text(encoding="utf-8"))
    parts: list[Part] = ["train"] if unseen_by(arguments.run) == ALL_OF_IT else ["train", "val"]
    role = "training and validation parts" if "val" in parts else "training part"
    ham = sum(len(part_of(arguments, part).records) for part in parts)
    learned = [f"HAM10000 (doi:10.7910/DVN/DBW86T), {role} of the split, {ham:,} images"]
    if arguments.phone:
        phone = sum(len(subset.records) for part in parts if (subset := phone_part(arguments, part)))
        learned.append(
            f"PAD-UFES-20 (doi:10.17632/zr7vgbcyr2.1), {role} of a split by patient, {phone} photos"
        )
    for extra in extra_collections(arguments):
        name = EXTRA_NAMES.get(extra.collection.name, extra.collection.name)
        if about["recipe"].get("extra_share"):
            known = sum(record.dx is not None for record in extra.records)
            use = f"{known:,} of them with a diagnosis"
        else:
            use = (
                f"at most {MOST_OF_ANOTHER:,} of them, to tell kinds of photo apart and to refuse what is no "
                "spot, not for the diagnosis"
            )
        learned.append(f"{name}, {len(extra.records):,} images, {use}")
    if natural := everyday_photos(arguments, 0):
        learned.append(f"{len(natural.records)} everyday photos without a spot, to refuse such photos")
    if nails := nail_photos(arguments, 0):
        learned.append(f"{len(nails.records)} photos of nails, to refuse such photos")
    return learned
