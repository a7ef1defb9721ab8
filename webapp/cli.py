"""``flask --app wsgi predict``: the same answer for files and folders."""

import json
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

import click
from flask import Blueprint
from PIL import Image

from webapp.answer.assessment import MIN_SIDE
from webapp.answer.details import MAX_AGE, NO_DETAILS, Details, Sex, Site
from webapp.answer.diagnose import examine, read_photo
from webapp.answer.messages import PHOTO_MESSAGES
from webapp.answer.record import COLUMNS, Record, csv_row
from webapp.config import Settings, current_settings
from webapp.model.predictor import Predictor, current_predictor
from webapp.photo.imaging import PhotoError

bp = Blueprint("cli", __name__, cli_group=None)

SUFFIXES: Final = frozenset({".jpg", ".jpeg", ".png", ".webp", ".heic", ".heif", ".avif"})


@bp.cli.command("predict")
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--format",
    "output",
    type=click.Choice(["text", "json", "csv"]),
    default="text",
    show_default=True,
    help="json: one object a line. csv: probabilities, reasons and cautions stand as JSON in their cells.",
)
@click.option("--age", type=click.IntRange(0, MAX_AGE), help="Of the person in the photos, in years.")
@click.option("--sex", type=click.Choice([*map(str, Sex)]), help="Of that person.")
@click.option("--site", type=click.Choice([*map(str, Site)]), help="Where on the body the spot is.")
def predict(paths: tuple[Path, ...], output: str, age: int | None, sex: str | None, site: str | None) -> None:
    """Look for signs of skin cancer in photos.

    PATHS are photos, and folders whose photos are taken in sorted order, those of their
    subfolders too. The confidence is the estimated chance of cancer, and for "No signs" the
    chance that it is none. A photo that cannot be read gets a record with its error, and the
    exit status is 1. Age, sex and place hold for all photos, move the chance of cancer up or
    down, and may be left out. This is not a diagnosis and not a medical device.
    """
    from tqdm import tqdm  # here, not above: the web app never shows a progress bar

    total = sum(1 for _ in find_photos(paths))
    if total == 0:
        raise click.UsageError("There is no photo in these folders.")
    write = {"text": _text_of_many if total > 1 else _text, "json": _json, "csv": Record.to_csv}[output]
    if output == "csv":
        sys.stdout.write(csv_row(COLUMNS))
    predictor, settings = current_predictor(), current_settings()
    details = Details(age, Sex(sex) if sex else None, Site(site) if site else None)
    failed = False
    # disable=None: no bar where standard error is no terminal.
    for path in tqdm(find_photos(paths), total=total, unit="photo", leave=False, delay=1, disable=None):
        record = predict_file(path, predictor, settings, details)
        failed = failed or record.error is not None
        tqdm.write(write(record), file=sys.stdout, end="")  # takes the bar away while it writes
    sys.exit(1 if failed else 0)


@bp.cli.command("check-bundle")
def check_bundle() -> None:
    """Open the model and let it look at a picture; exit with 1 and a sentence if it cannot be served."""
    predictor = current_predictor()  # opening it has checked every file already
    predictor.predict(Image.new("RGB", (MIN_SIDE, MIN_SIDE), "peru"))
    click.echo(f"The model, version {predictor.bundle.contract.version}, is complete and answers.")


def find_photos(paths: Iterable[Path]) -> Iterator[Path]:
    """Yields the files among the paths whatever they are, and from folders all photos in sorted order."""
    for path in paths:
        if path.is_dir():
            yield from find_photos(child for child in sorted(path.iterdir()) if _is_wanted(child))
        else:
            yield path


def _is_wanted(child: Path) -> bool:
    if child.is_dir():
        return not child.is_symlink()  # it may lead back to where we are
    return child.suffix.lower() in SUFFIXES


def predict_file(
    path: Path, predictor: Predictor, settings: Settings, details: Details = NO_DETAILS
) -> Record:
    """Makes the record of one file, readable or not."""
    name, version = click.format_filename(path), predictor.bundle.contract.version
    try:
        with path.open("rb") as stream:
            photo = read_photo(stream, settings)
    except PhotoError as error:
        return Record.unreadable(name, PHOTO_MESSAGES[error.code].sentence, version)
    except OSError as error:
        return Record.unreadable(name, f"This file cannot be opened: {error.strerror}.", version)
    return Record.of(name, examine(predictor, photo, details=details), version)


def _text(record: Record) -> str:
    if record.error is not None:
        return f"Error: {record.error}\n"
    if record.confidence is None:
        return f"Prediction: {record.verdict}\nReasons: {', '.join(record.reasons)}\n"
    return f"Prediction: {record.verdict}\nConfidence: {record.confidence:.2%}\n"


def _text_of_many(record: Record) -> str:
    return f"{record.path}\n{_text(record)}\n"


def _json(record: Record) -> str:
    return json.dumps(record.to_dict()) + "\n"
