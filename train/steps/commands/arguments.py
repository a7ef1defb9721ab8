"""What several steps are told alike on a command line, and the images that it means."""

import argparse
from pathlib import Path
from typing import TypeAlias

from train.datasets import split as splits
from train.datasets.dataset import DatasetError, Subset, open_collection
from train.datasets.near_copies import read_near_copies

FEWEST_EXTRA = 8  # every fourth photo of a collection chooses limits
MOST_ELSEWHERE = 1000  # photos of each collection that choose limits: all 961 unseen ones of ISIC 2017

Steps: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"
"""Where a step adds its parser."""


def add_data(parser: argparse.ArgumentParser) -> None:
    """Adds HAM10000 and its split."""
    parser.add_argument(
        "--data",
        type=Path,
        default=Path("data/ham10000"),
        help="HAM10000: the official folder, or a zip with labels.csv (default: %(default)s)",
    )
    parser.add_argument(
        "--split-file",
        type=Path,
        default=splits.HAM10000.file,
        help="the lesion-disjoint split (default: the committed one)",
    )


def add_others(parser: argparse.ArgumentParser) -> None:
    """Adds every other collection of images."""
    add_phone(parser)
    add_refused(parser)
    add_masks(parser)
    add_extra(parser)
    parser.add_argument(
        "--elsewhere",
        type=Path,
        nargs="+",
        default=[],
        help="collections that the network has not learned from (of ISIC 2017 the part that only measures): "
        "the limits of the answers are chosen on the worst of them",
    )


def add_phone(parser: argparse.ArgumentParser) -> None:
    """Adds smartphone photos and their split."""
    parser.add_argument("--phone", type=Path, help="PAD-UFES-20: smartphone photos, split by patient")
    parser.add_argument(
        "--phone-split-file",
        type=Path,
        default=splits.PHONE.file,
        help="their split by patient (default: the committed one)",
    )


def add_refused(parser: argparse.ArgumentParser) -> None:
    """Adds what must be refused."""
    parser.add_argument("--natural", type=Path, help="everyday photos that show no lesion")
    parser.add_argument("--nails", type=Path, help="photos of nails, which are no spot: half to refuse by")


def add_masks(parser: argparse.ArgumentParser) -> None:
    """Adds where the lesions are."""
    parser.add_argument("--masks", type=Path, help="outlines of HAM10000's lesions, a zip of PNGs")


def add_extra(parser: argparse.ArgumentParser) -> None:
    """Adds other collections to learn from."""
    parser.add_argument(
        "--extra",
        type=Path,
        nargs="+",
        default=[],
        help="other collections to learn from, but for the part of ISIC 2017 that only measures; without a "
        "diagnosis, fit needs a teacher for them",
    )


def add_run(parser: argparse.ArgumentParser) -> None:
    """Adds the folder of one run."""
    parser.add_argument("--run", type=Path, required=True, help="the run's folder")


def add_bundle(parser: argparse.ArgumentParser) -> None:
    """Adds the folder of the bundle."""
    parser.add_argument(
        "--bundle",
        type=Path,
        default=Path("webapp/bundle"),
        help="the bundle's folder (default: %(default)s)",
    )


def part_of(arguments: argparse.Namespace, part: splits.Part) -> Subset:
    """Returns a part of HAM10000."""
    parts = splits.read_split(splits.HAM10000, arguments.split_file)
    return splits.select(open_collection(arguments.data), parts, part)


def phone_part(arguments: argparse.Namespace, part: splits.Part) -> Subset | None:
    """Returns a part of the smartphone photos, or ``None`` where there are none."""
    if arguments.phone is None:
        return None
    parts = splits.read_split(splits.PHONE, arguments.phone_split_file)
    return splits.select(open_collection(arguments.phone), parts, part, splits.PHONE)


def extra_collections(arguments: argparse.Namespace, with_copies: bool = False) -> list[Subset]:
    """Returns the other collections, each without its part that only measures and without what shows a
    photo that measures under another name.

    Raises:
        DatasetError: One of them has too few photos.
    """
    left_out = frozenset() if with_copies else read_near_copies()
    subsets = []
    for each in arguments.extra:
        teaching = splits.unseen_part(open_collection(each))[0]
        kept = tuple(record for record in teaching.records if record.image_id not in left_out)
        subsets.append(Subset(teaching.collection, kept))
    for subset in subsets:
        if len(subset.records) < FEWEST_EXTRA:
            raise DatasetError(f"{subset.collection.name}: fewer than {FEWEST_EXTRA} photos to learn from")
    return subsets


def taught_and_untaught(arguments: argparse.Namespace) -> tuple[list[Subset], list[Subset]]:
    """Returns what teachers learn from, and what they are only asked about.

    Melanomas from one place and harmless spots from another would teach the place, so a collection without
    diagnoses teaches none. Nor does validation: students learn from it with ``--all-but``.
    """
    phone = phone_part(arguments, "train")
    taught = [part_of(arguments, "train"), *([phone] if phone else [])]
    untaught = [subset for subset in (part_of(arguments, "val"), phone_part(arguments, "val")) if subset]
    for subset in extra_collections(arguments):
        (taught if all(record.dx for record in subset.records) else untaught).append(subset)
    return taught, untaught


def elsewhere_collections(arguments: argparse.Namespace) -> list[Subset]:
    """Returns photos of collections that no network learned from, spread over each."""
    subsets = []
    for path in arguments.elsewhere:
        collection = open_collection(path)
        records = splits.unseen_part(collection)[1].records or collection.records
        subsets.append(Subset(collection, records[:: -(-len(records) // MOST_ELSEWHERE)]))
    return subsets


def everyday_photos(arguments: argparse.Namespace, offset: int) -> Subset | None:
    """Every other everyday photo: those at 0 choose the limit, those at 1 measure it."""
    return _every_other(arguments.natural, offset)


def nail_photos(arguments: argparse.Namespace, offset: int) -> Subset | None:
    """Every other photo of nails: those at 0 are fitted to, those at 1 measure."""
    return _every_other(arguments.nails, offset)


def _every_other(path: Path | None, offset: int) -> Subset | None:
    if path is None:
        return None
    collection = open_collection(path)
    return Subset(collection, collection.records[offset::2])
