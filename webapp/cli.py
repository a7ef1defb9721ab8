"""``flask --app wsgi predict``: the same answer for files and folders."""

import io
import json
import os
import sys
from collections import deque
from collections.abc import Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, suppress
from pathlib import Path
from typing import Any, Final, NoReturn

import click
from flask import Blueprint
from PIL import Image

from webapp.answer.assessment import MIN_SIDE, UNRELIABLE, Caution
from webapp.answer.details import MAX_AGE, NO_DETAILS, Details, Sex, Site
from webapp.answer.diagnose import examine, read_photo, read_spot
from webapp.answer.messages import CAUTION_SENTENCES, PHOTO_MESSAGES
from webapp.answer.record import COLUMNS, Record, csv_row
from webapp.config import Settings, current_settings
from webapp.model.predictor import CORES, Predictor, current_predictor
from webapp.photo.files import CANNOT_BE_OPENED, find_photos
from webapp.photo.imaging import PhotoError

bp = Blueprint("cli", __name__, cli_group=None)

ENDED_EARLY: Final = 3  # exit status; 1 is for photos that cannot be read, 2 for wrong usage
INTERRUPTED: Final = 130  # as shells have it


class PhotoPath(click.Path):
    """A path as it was typed, if anything was: that of an unset variable would be the working directory."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if not value:
            self.fail("A path is empty.", param, ctx)
        return super().convert(value, param, ctx)


@bp.cli.command("predict")
@click.argument("paths", nargs=-1, required=True, type=PhotoPath(path_type=Path, readable=False))
@click.option(
    "--format",
    "output",
    type=click.Choice(["text", "json", "csv"]),
    default="text",
    show_default=True,
    help="json: one object a line. csv: probabilities, reasons and cautions stand as JSON in their cells, "
    "and a path that a spreadsheet would run as a formula begins with an apostrophe.",
)
@click.option(
    "--box",
    type=click.Choice(["middle", "auto"]),
    default="middle",
    show_default=True,
    help="The part to look at: the square in the middle, or where the spot probably is.",
)
@click.option("--age", type=click.IntRange(0, MAX_AGE), help="Of the person in the photos, in years.")
@click.option("--sex", type=click.Choice([*map(str, Sex)]), help="Of that person.")
@click.option("--site", type=click.Choice([*map(str, Site)]), help="Where on the body the spot is.")
def predict(
    paths: tuple[Path, ...], output: str, box: str, age: int | None, sex: str | None, site: str | None
) -> None:
    """Look for signs of skin cancer in photos.

    PATHS are photos, and folders whose photos are taken in sorted order, those of their
    subfolders too. What is in a file decides, not its name; what is left out is named on
    standard error. The confidence is the estimated chance of cancer, and for "No signs" the
    chance that it is none. Where a low chance is not "No signs", the text says why, and shows
    no number that is not to be relied on. A photo that cannot be read gets a record with its
    error, and the exit status is 1; a batch that ends early says so, with 3. Age, sex and place
    hold for all photos, move the chance of cancer up or down, and may be left out. This is not
    a diagnosis and not a medical device.
    """
    from tqdm import tqdm  # here, not above: the web app never shows a progress bar

    if sys.stdout is None:  # >&-
        raise click.ClickException("There is no standard output to write the answers to.")
    write_utf8()
    unread: list[Path] = []

    def skip(path: Path, reason: str) -> None:
        with suppress(OSError):  # a full disk behind standard error must not cost the answers
            click.echo(f"Skipped: {printable(name_of(path))} ({reason})", err=True)
        if reason.startswith(CANNOT_BE_OPENED):
            unread.append(path)

    total = sum(1 for _ in find_photos(paths, skip))
    if total == 0:
        raise click.UsageError("There is no photo in these folders.")
    write = {"text": _text_of_many if total > 1 else _text, "json": _json, "csv": Record.to_csv}[output]
    predictor, settings = current_predictor(), current_settings()
    details = Details(age, Sex(sex) if sex else None, Site(site) if site else None)
    find_spot, failed, done = box == "auto", bool(unread), 0
    try:
        if output == "csv":
            sys.stdout.write(csv_row(COLUMNS))
        with closing(predict_files(find_photos(paths), predictor, settings, details, find_spot)) as records:
            # None: no bar where standard error is no terminal.
            hidden = True if sys.stderr is None else None
            for record in tqdm(records, total=total, unit="photo", leave=False, delay=1, disable=hidden):
                tqdm.write(write(record), file=sys.stdout, end="")  # takes the bar away while it writes
                sys.stdout.flush()  # whatever ends the batch early: what was answered is there
                failed, done = failed or record.error is not None, done + 1
    except (Exception, KeyboardInterrupt) as error:
        end_early(error, done, total)
    sys.exit(1 if failed else 0)


_HARMLESS: Final = "\u00a0\u202f\u3000\u200d"
"""Spaces in the names of a Mac's screenshots and of Japanese files, and what joins the parts of an emoji."""


def name_of(path: Path) -> str:
    """Returns a path as text; bytes that are no UTF-8 stand as ``\\xe4``, and not all as the same letter."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def printable(name: str) -> str:
    """Returns a name in which nothing can end a line or steer a terminal: a file could answer for another."""
    return "".join(
        letter if letter.isprintable() or letter in _HARMLESS else letter.encode("unicode_escape").decode()
        for letter in name
    )


def write_utf8() -> None:
    """Lets everything be written, whatever letters a name has and whatever the terminal or a file expects."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")


def end_early(error: BaseException, done: int, total: int) -> NoReturn:
    """Says that a batch has ended before its last photo, and why; the exit status says so, too."""
    if isinstance(error, BrokenPipeError):
        reason, status = "nobody reads the answers any more", ENDED_EARLY
        with suppress(OSError, ValueError):  # Python writes what is left at its end, and would fail again
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    elif isinstance(error, KeyboardInterrupt):
        reason, status = "stopped", INTERRUPTED
    else:
        reason, status = f"{type(error).__name__}: {error}", ENDED_EARLY
    with suppress(OSError):
        click.echo(f"Ended early, after {done} of {total} photos: {reason}.", err=True)
    sys.exit(status)


@bp.cli.command("check-bundle")
def check_bundle() -> None:
    """Open the model and let it look at a picture; exit with 1 and a sentence if it cannot be served."""
    predictor = current_predictor()  # opening it has checked every file already
    predictor.predict(Image.new("RGB", (MIN_SIDE, MIN_SIDE), "peru"))
    click.echo(f"The model, version {predictor.bundle.contract.version}, is complete and answers.")


def predict_files(
    paths: Iterable[Path],
    predictor: Predictor,
    settings: Settings,
    details: Details = NO_DETAILS,
    find_spot: bool = False,
) -> Generator[Record, None, None]:
    """Makes the records of files on all cores, in the order of the files.

    Decoding and the network let go of the interpreter's lock. Never more than two photos a core are ahead of
    the one that is written, so that a folder of any size takes the same memory.
    """
    predictor.use_cores(CORES)
    waiting: deque[Future[Record]] = deque()
    with ThreadPoolExecutor(CORES) as pool:
        try:
            for path in paths:
                waiting.append(pool.submit(predict_file, path, predictor, settings, details, find_spot))
                if len(waiting) > CORES:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def predict_file(
    path: Path,
    predictor: Predictor,
    settings: Settings,
    details: Details = NO_DETAILS,
    find_spot: bool = False,
) -> Record:
    """Makes the record of one file, readable or not; ``find_spot`` looks where the spot probably is, not
    at the middle."""
    name, version = name_of(path), predictor.bundle.contract.version
    try:
        with path.open("rb") as stream:
            if find_spot:
                photo, proposal = read_spot(stream, settings, predictor)
            else:
                photo, proposal = read_photo(stream, settings), None
    except PhotoError as error:
        return Record.unreadable(name, PHOTO_MESSAGES[error.code].sentence, version)
    except OSError as error:
        return Record.unreadable(name, f"This file cannot be opened: {error.strerror}.", version)
    box, others = (proposal.box, proposal.others) if proposal else (None, False)
    return Record.of(name, examine(predictor, photo, box=box, details=details, others=others), version)


def _text(record: Record) -> str:
    if record.error is not None:
        return f"Error: {record.error}\n"
    if record.confidence is None:
        return f"Prediction: {record.verdict}\nReasons: {', '.join(record.reasons)}\n"
    number = "–" if UNRELIABLE & {*record.cautions} else f"{record.confidence:.2%}"
    caution = f"Caution: {CAUTION_SENTENCES[Caution(record.cautions[0])]}\n" if record.cautions else ""
    return f"Prediction: {record.verdict}\nConfidence: {number}\n{caution}"


def _text_of_many(record: Record) -> str:
    return f"{printable(record.path or '')}\n{_text(record)}\n"


def _json(record: Record) -> str:
    return json.dumps(record.to_dict()) + "\n"
