import csv
import dataclasses
import errno
import io
import json
import os
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import chdir, closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import Result
from flask import Flask
from PIL import Image

from tests.conftest import AppMaker
from tests.fakes import FixedPredictor, made_prediction
from tests.rendered import render_lesion, to_bytes
from tests.webapp.site.test_pages import SMALL, knowing_bundle
from webapp.answer.assessment import Caution
from webapp.answer.messages import CAUTION_SENTENCES, PHOTO_MESSAGES
from webapp.answer.record import COLUMNS
from webapp.cli import predict_files
from webapp.config import current_settings
from webapp.model.labels import CLASSES
from webapp.model.predictor import Prediction, current_predictor
from webapp.photo.imaging import Box

ROOT = Path(__file__).parents[2]


@pytest.fixture
def folder(tmp_path: Path, photo: bytes) -> Path:
    """Photos whose order, names and kinds are a little difficult."""
    inner = tmp_path / "more" / "deep"
    inner.mkdir(parents=True)
    (tmp_path / "b.JPG").write_bytes(photo)
    (tmp_path / "a broken one.jpeg").write_bytes(b"not a photo")
    (tmp_path / "notes.txt").write_text("not tried")
    for suffix in ("png", "webp", "avif", "heic"):
        render_lesion(2, 100, 80).save(inner / f"c.{suffix}", "HEIF" if suffix == "heic" else None)
    (inner / "loop").symlink_to(tmp_path)
    return tmp_path


def predict(app: Flask, *arguments: str | Path) -> Result:
    return app.test_cli_runner().invoke(args=["predict", *map(str, arguments)])


def names(folder: Path) -> list[str]:
    files = ["a broken one.jpeg", "b.JPG"]
    files += [f"more/deep/c.{suffix}" for suffix in ("avif", "heic", "png", "webp")]
    return [str(folder / file) for file in files]


def test_auto_looks_where_the_spot_is(make_app: AppMaker, folder: Path) -> None:
    lesion_map = np.full((24, 24), 0.1, np.float32)
    lesion_map[2:6, 2:6] = 0.9
    predictor = FixedPredictor(dataclasses.replace(made_prediction(0.01), lesion_map=lesion_map))
    app = make_app(predictor)
    assert predict(app, folder / "b.JPG").exit_code == 0
    assert predictor.seen[1] is None, "the middle"
    assert predict(app, folder / "b.JPG", "--box", "auto").exit_code == 0
    left, upper, right, lower = predictor.seen[1] or (0, 0, 0, 0)
    assert 0 <= left < right < 300 and 0 <= upper < lower < 300
    broken = predict(app, folder / "a broken one.jpeg", "--box", "auto")
    assert (broken.exit_code, broken.stdout[:6]) == (1, "Error:")


def test_where_auto_leaves_another_spot_out_there_is_no_all_clear(make_app: AppMaker, folder: Path) -> None:
    lesion_map = np.full((24, 24), 0.1, np.float32)
    lesion_map[2:10, 2:10] = lesion_map[17:21, 17:21] = 0.99
    app = make_app(FixedPredictor(dataclasses.replace(made_prediction(0.01), lesion_map=lesion_map)))
    result = predict(app, folder / "b.JPG", "--box", "auto")
    caution = CAUTION_SENTENCES[Caution.OTHER_SPOT]
    assert result.stdout == f"Prediction: Unsure: have it looked at\nConfidence: 1.00%\nCaution: {caution}\n"


def test_an_empty_path_is_not_the_working_directory(app: Flask, folder: Path) -> None:
    with chdir(folder):
        result = predict(app, "")
        assert (result.exit_code, result.stdout) == (2, "")
        assert "A path is empty." in result.stderr
        assert predict(app, ".").stdout.count("Prediction:") == 5


def test_an_empty_folder_among_others_is_named(app: Flask, folder: Path, tmp_path: Path) -> None:
    card = folder / "card"
    card.mkdir()
    (card / ".DS_Store").write_text("of a system")
    result = predict(app, folder / "b.JPG", card)
    assert result.stderr == f"Skipped: {card} (an empty folder)\n"
    assert (result.exit_code, result.stdout.count("Prediction:")) == (0, 1)


def test_one_photo_prints_what_the_origins_script_printed(app: Flask, folder: Path) -> None:
    result = predict(app, folder / "b.JPG")
    assert result.stdout == "Prediction: Signs of skin cancer detected\nConfidence: 93.12%\n"
    assert (result.exit_code, result.stderr) == (0, "")


def test_several_photos_are_told_apart_by_their_paths(app: Flask, folder: Path) -> None:
    result = predict(app, folder / "b.JPG", folder / "more" / "deep" / "c.png")
    answer = "Prediction: Signs of skin cancer detected\nConfidence: 93.12%\n"
    assert result.stdout == f"{folder}/b.JPG\n{answer}\n{folder}/more/deep/c.png\n{answer}\n"


def test_a_photo_that_cannot_be_judged_has_reasons_and_no_confidence(
    make_app: AppMaker, folder: Path
) -> None:
    result = predict(make_app(FixedPredictor(made_prediction(0.9, unfamiliarity=11))), folder / "b.JPG")
    assert result.stdout == "Prediction: This photo cannot be judged\nReasons: unfamiliar\n"
    assert result.exit_code == 0


@pytest.mark.parametrize(
    ("unfamiliarity", "small", "arguments", "number", "caution"),
    [
        (7.0, False, (), "–", Caution.UNUSUAL),
        (1.0, True, (), "–", Caution.SMALL_SPOT),
        (1.0, False, ("--sex", "female"), "0.86%", Caution.DETAILS),
    ],
)
def test_text_says_why_a_low_number_is_unsure_and_shows_none_that_is_not_to_be_relied_on(
    make_app: AppMaker,
    folder: Path,
    unfamiliarity: float,
    small: bool,
    arguments: tuple[str, ...],
    number: str,
    caution: Caution,
) -> None:
    prediction = made_prediction(0.06 if arguments else 0.01, unfamiliarity)
    prediction = dataclasses.replace(prediction, lesion_map=SMALL if small else None)
    app = make_app(FixedPredictor(prediction, knowing_bundle()))
    said = f"Confidence: {number}\nCaution: {CAUTION_SENTENCES[caution]}\n"
    result = predict(app, folder / "b.JPG", *arguments)
    assert result.stdout == f"Prediction: Unsure: have it looked at\n{said}"
    record = json.loads(predict(app, folder / "b.JPG", "--format", "json", *arguments).stdout)
    assert record["cautions"] == [caution] and record["confidence"] < 0.05


def test_json_is_one_record_a_line_in_sorted_order(app: Flask, folder: Path) -> None:
    result = predict(app, "--format", "json", folder)
    records = [json.loads(line) for line in result.stdout.splitlines()]
    assert [record["path"] for record in records] == names(folder)
    assert all(tuple(record) == COLUMNS for record in records)
    assert [record["outcome"] for record in records] == [None] + 5 * ["signs"]
    assert result.exit_code == 1


def test_csv_has_the_same_columns_and_nests_json(app: Flask, folder: Path) -> None:
    result = predict(app, "--format", "csv", folder)
    rows = list(csv.DictReader(io.StringIO(result.stdout)))
    assert [row["path"] for row in rows] == names(folder)
    assert tuple(rows[0]) == COLUMNS
    assert rows[0]["outcome"] == rows[0]["probabilities"] == rows[0]["malignancy"] == ""
    assert rows[0]["error"] == PHOTO_MESSAGES["unsupported_format"].sentence
    assert list(json.loads(rows[1]["probabilities"])) == list(CLASSES)
    assert json.loads(rows[1]["reasons"]) == []
    assert float(rows[1]["confidence"]) == pytest.approx(0.9312)


def test_the_order_of_the_arguments_is_kept(app: Flask, folder: Path) -> None:
    given = [folder / "more", folder / "b.JPG", folder / "a broken one.jpeg"]
    result = predict(app, "--format", "json", *given)
    paths = [json.loads(line)["path"] for line in result.stdout.splitlines()]
    assert paths == [*names(folder)[2:], str(given[1]), str(given[2])]


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("a broken one.jpeg", "This file is not a photo that we can read."),
        ("notes.txt", "This file is not a photo that we can read."),
        ("missing.jpg", "This file cannot be opened: No such file or directory."),
    ],
)
def test_what_cannot_be_read_is_a_record_and_an_exit_status(
    app: Flask, folder: Path, name: str, error: str
) -> None:
    result = predict(app, "--format", "json", folder / name, folder / "b.JPG")
    bad, good = map(json.loads, result.stdout.splitlines())
    assert bad["error"].startswith(error)
    assert bad["model_version"] == "9.9.9"
    assert good["error"] is None, "it goes on after a bad file"
    assert result.exit_code == 1


def test_text_says_what_is_wrong_with_a_file(app: Flask, folder: Path) -> None:
    result = predict(app, folder / "notes.txt")
    assert result.stdout == f"Error: {PHOTO_MESSAGES['unsupported_format'].sentence}\n"


def test_limits_are_those_of_the_settings(make_app: AppMaker, folder: Path) -> None:
    for setting, code in (("max_upload_bytes", "too_large"), ("max_pixels", "too_many_pixels")):
        result = predict(make_app(**{setting: 1000}), "--format", "json", folder / "b.JPG")
        assert json.loads(result.stdout)["error"] == PHOTO_MESSAGES[code].sentence


def test_a_batch_that_ends_early_says_so_and_keeps_what_was_answered(
    make_app: AppMaker, folder: Path
) -> None:
    class WideFails(FixedPredictor):
        def predict(self, image: Image.Image, box: Box | None = None) -> Prediction:
            assert image.width < 600, "out of memory"
            return super().predict(image, box)

    app, small = make_app(WideFails(made_prediction(0.9))), folder / "more" / "deep" / "c.png"
    result = predict(app, "--format", "json", small, small, folder / "b.JPG", small)
    assert [json.loads(line)["path"] for line in result.stdout.splitlines()] == [str(small)] * 2
    assert result.exit_code == 3
    assert result.stderr.startswith("Ended early, after 2 of 4 photos: AssertionError: out of memory")
    assert "Traceback" not in result.stderr


def test_answers_come_in_the_order_of_the_photos_whatever_each_takes(
    make_app: AppMaker, tmp_path: Path
) -> None:
    class SlowWhereWide(FixedPredictor):
        def predict(self, image: Image.Image, box: Box | None = None) -> Prediction:
            time.sleep(0.1 if image.width > 100 else 0)
            return super().predict(image, box)

    for number in range(12):
        render_lesion(1, 160 if number % 3 == 0 else 80, 80).save(tmp_path / f"{number:02}.jpg")
    result = predict(make_app(SlowWhereWide(made_prediction(0.9))), "--format", "json", tmp_path)
    paths = [Path(json.loads(line)["path"]).name for line in result.stdout.splitlines()]
    assert paths == [f"{number:02}.jpg" for number in range(12)]


def test_a_folder_of_any_size_is_read_a_few_photos_ahead(make_app: AppMaker, folder: Path) -> None:
    app, taken = make_app(), []
    with app.app_context():
        predictor, settings = current_predictor(), current_settings()

    def photos() -> Iterator[Path]:
        for _ in range(100):
            taken.append(folder / "b.JPG")
            yield taken[-1]

    with closing(predict_files(photos(), predictor, settings)) as records:
        next(records)
        assert len(taken) <= (os.cpu_count() or 1) + 1


@pytest.mark.parametrize("encoding", ["cp1252", "ascii", "utf-16"])
def test_names_outside_of_the_terminals_letters_are_written_as_utf8(folder: Path, encoding: str) -> None:
    name = "Łódź 痣 \N{WAVING HAND SIGN}.jpg"
    (folder / "b.JPG").rename(folder / name)
    done = subprocess.run(
        [sys.executable, "-m", "flask", "--app", "wsgi", "predict", "--format", "csv", folder],
        cwd=ROOT,
        env={**os.environ, "PYTHONIOENCODING": encoding, "PYTHONUTF8": "0"},
        capture_output=True,
        timeout=180,
    )
    rows = list(csv.DictReader(io.StringIO(done.stdout.decode("utf-8"))))
    assert Path(rows[-1]["path"]).name == name, "sorted behind the plain letters"
    assert len(rows) == 6 and b"Traceback" not in done.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pipe that closes")
def test_whoever_stops_reading_is_told_how_far_it_came(folder: Path) -> None:
    command = [sys.executable, "-m", "flask", "--app", "wsgi", "predict", "--format", "json", folder]
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "wb") as closed:
        done = subprocess.run(
            command, cwd=ROOT, stdout=closed, stderr=subprocess.PIPE, text=True, timeout=180
        )
    assert done.returncode == 3
    assert "Ended early, after 0 of 6 photos" in done.stderr and "Traceback" not in done.stderr


def test_photos_are_found_by_their_content_and_what_is_left_out_is_named(
    app: Flask, photo: bytes, tmp_path: Path
) -> None:
    inner = tmp_path / "inner"
    inner.mkdir()
    heic = to_bytes(render_lesion(2, 100, 80), "HEIF")
    photos = {
        "a.jfif": photo,
        "b.jpe": photo,
        "c.hif": heic,
        "d": photo,
        "e.tmp": heic,
        "inner/f.JPG_1": photo,
    }
    others = {
        "scan.tif": b"II*\0",
        "film.mov": b"\0\0\0\x14ftypqt  \0\0\0\0qt  ",
        "list.txt": b"",
        "g.gif": b"GIF89a",
    }
    system = {"._a.jfif": b"\0\5\x16\7", "._d.jpg": photo, ".DS_Store": b"Bud1", "Thumbs.db": b"\xd0\xcf"}
    for name, content in (photos | others | system).items():
        (tmp_path / name).write_bytes(content)
    (tmp_path / "@eaDir").mkdir()
    (tmp_path / "@eaDir" / "SYNOPHOTO_THUMB_M.jpg").write_bytes(photo)
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe.jpg")
        others["pipe.jpg"] = b""
    result = predict(app, "--format", "json", tmp_path)
    records = [json.loads(line) for line in result.stdout.splitlines()]
    assert [record["path"] for record in records] == [str(tmp_path / name) for name in photos]
    assert {record["outcome"] for record in records} == {"signs"}
    skipped = [line.removeprefix("Skipped: ") for line in result.stderr.splitlines()]
    assert sorted(skipped) == sorted(f"{tmp_path / name} (not a photo)" for name in others)
    assert result.exit_code == 0


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may open everything")
def test_a_folder_that_cannot_be_opened_is_named(app: Flask, folder: Path) -> None:
    (folder / "more").chmod(0)
    result = predict(app, folder)
    (folder / "more").chmod(0o700)
    assert result.exit_code == 1 and f"Skipped: {folder / 'more'} (cannot be opened" in result.stderr


def test_what_nobody_may_look_at_and_a_name_that_is_too_long_cost_no_other_answer(
    app: Flask, photo: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Root may look everywhere, so the system says what it says to others."""
    for name in ("closed/a.jpg", "closed/sub/b.jpg", "ok.jpg"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(photo)
    closed, stat, opened = str(tmp_path / "closed" / "a.jpg"), os.stat, Path.open
    inside = f"{tmp_path / 'closed'}{os.sep}"

    def guarded_stat(path: Any, *args: Any, **kwargs: Any) -> os.stat_result:
        if isinstance(path, str | os.PathLike) and os.fspath(path).startswith(inside):
            raise PermissionError(errno.EACCES, "Permission denied", path)
        return stat(path, *args, **kwargs)

    def guarded_open(self: Path, *args: Any, **kwargs: Any) -> Any:
        if str(self).startswith(inside):
            raise PermissionError(errno.EACCES, "Permission denied", str(self))
        return opened(self, *args, **kwargs)

    monkeypatch.setattr(os, "stat", guarded_stat)
    monkeypatch.setattr(Path, "open", guarded_open)
    result = predict(app, "--format", "json", tmp_path, "a" * 300)
    records = [json.loads(line) for line in result.stdout.splitlines()]
    assert [record["path"] for record in records] == [closed, str(tmp_path / "ok.jpg"), "a" * 300]
    assert [record["error"] for record in records] == [
        "This file cannot be opened: Permission denied.",
        None,
        "This file cannot be opened: File name too long.",
    ]
    assert result.stderr == f"Skipped: {tmp_path}/closed/sub (cannot be opened: Permission denied)\n"
    assert result.exit_code == 1
    result = predict(app, "--format", "json", tmp_path / "ok.jpg", tmp_path / "closed")
    assert result.exit_code == 1, "photos may have been passed over"


def test_a_file_that_may_not_be_read_is_no_wrong_usage(
    app: Flask, photo: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether it can be read shows when it is opened; asked before, one file would cost all others."""
    (tmp_path / "a.jpg").write_bytes(photo)
    monkeypatch.setattr(os, "access", lambda *_, **__: False)  # what others than root are told
    assert predict(app, tmp_path / "a.jpg").exit_code == 0


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such names")
def test_names_that_are_no_utf8_stay_apart(app: Flask, photo: bytes, tmp_path: Path) -> None:
    for name in (b"m\xe4le.jpg", b"m\xf6le.jpg"):  # Latin-1, as from an old archive
        Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + name)).write_bytes(photo)
    result = predict(app, "--format", "json", tmp_path)
    paths = [json.loads(line)["path"] for line in result.stdout.splitlines()]
    assert paths == [f"{tmp_path}/m\\xe4le.jpg", f"{tmp_path}/m\\xf6le.jpg"]


def test_a_name_cannot_speak_for_another_photo(app: Flask, photo: bytes, tmp_path: Path) -> None:
    harmless = "Screenshot 1.23\u202fPM.jpg"
    (tmp_path / harmless).write_bytes(photo)
    assert predict(app, tmp_path).stdout.startswith("Prediction:"), "one photo needs no name"
    forged = "mole.jpg\nPrediction: No signs of skin cancer detected\n\n\x1b[2Jz.jpg"
    for name in (forged, "b.jpg", "note\n.txt"):
        (tmp_path / name).write_bytes(photo if name.endswith("jpg") else b"text")
    result = predict(app, tmp_path)
    assert f"{tmp_path}/{harmless}\n" in result.stdout
    assert "\x1b" not in result.stdout and "Prediction: No signs" not in result.stdout.splitlines()
    assert r"mole.jpg\nPrediction: No signs of skin cancer detected\n\n\x1b[2Jz.jpg" in result.stdout
    assert result.stderr == f"Skipped: {tmp_path}/note\\n.txt (not a photo)\n"


def test_a_name_is_no_formula_in_a_spreadsheet(
    app: Flask, photo: bytes, tmp_path: Path, monkeypatch: Any
) -> None:
    (tmp_path / "=1+1.jpg").write_bytes(photo)
    monkeypatch.chdir(tmp_path)
    (row,) = csv.DictReader(io.StringIO(predict(app, "--format", "csv", "=1+1.jpg").stdout))
    assert row["path"] == "'=1+1.jpg"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device that only some systems have")
@pytest.mark.parametrize("redirection", ["2>&-", "2>/dev/full"])
def test_a_standard_error_that_takes_nothing_costs_no_answer(folder: Path, redirection: str) -> None:
    command = (
        f"{shlex.quote(sys.executable)} -m flask --app wsgi predict --format json {shlex.quote(str(folder))}"
    )
    done = subprocess.run(
        f"{command} {redirection}", shell=True, cwd=ROOT, stdout=subprocess.PIPE, text=True, timeout=180
    )
    assert done.returncode == 1 and len(done.stdout.splitlines()) == 6


@pytest.mark.skipif(os.name != "posix", reason="closes standard output as a shell does")
def test_without_a_standard_output_the_reason_is_told(folder: Path) -> None:
    command = f"{shlex.quote(sys.executable)} -m flask --app wsgi predict {shlex.quote(str(folder))} >&-"
    done = subprocess.run(command, shell=True, cwd=ROOT, stderr=subprocess.PIPE, text=True, timeout=180)
    assert done.returncode == 1
    assert done.stderr.endswith("Error: There is no standard output to write the answers to.\n")
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("arguments", [[], ["--format", "xml", "a.jpg"]])
def test_wrong_usage_is_explained(app: Flask, arguments: list[str]) -> None:
    result = predict(app, *arguments)
    assert result.exit_code == 2
    assert "Usage:" in result.stderr


def test_folders_without_a_photo_are_wrong_usage(app: Flask, tmp_path: Path) -> None:
    result = predict(app, tmp_path)
    assert (result.exit_code, result.stdout) == (2, "")
    assert "There is no photo in these folders." in result.stderr


def test_the_command_of_the_readme_runs(folder: Path) -> None:
    command = [sys.executable, "-m", "flask", "--app", "wsgi", "predict", "--format", "json", folder]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=180)
    records = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 1 and len(records) == 6
    assert all(0 <= record["malignancy"] <= 1 for record in records[1:])
    assert "photo/s" not in done.stderr and "SECRET_KEY" not in done.stderr


@pytest.mark.parametrize(
    ("variable", "value", "sentence"),
    [
        (
            "FLASK_RUNTIME",
            "torch",
            "Error: The environment variable FLASK_RUNTIME must be litert or keras.\n",
        ),
        (
            "FLASK_MODEL_PATH",
            "none.h5",
            "Error: none.h5 is missing. FLASK_MODEL_PATH must name a file that is there.\n",
        ),
    ],
)
def test_a_start_that_fails_says_why_in_one_line(variable: str, value: str, sentence: str) -> None:
    command = [sys.executable, "-m", "flask", "--app", "wsgi", "predict", "a.jpg"]
    environ = {**os.environ, variable: value}
    done = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, timeout=180)
    assert (done.returncode, done.stdout, done.stderr) == (1, "", sentence)
