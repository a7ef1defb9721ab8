import csv
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import Result
from flask import Flask
from PIL import Image

from tests.conftest import AppMaker
from tests.fakes import FixedPredictor, made_prediction
from tests.rendered import render_lesion
from webapp.answer.messages import PHOTO_MESSAGES
from webapp.answer.record import COLUMNS
from webapp.model.labels import CLASSES
from webapp.model.predictor import Prediction
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


def test_each_record_is_written_before_the_next_photo_is_read(make_app: AppMaker, folder: Path) -> None:
    class SecondPhotoFails(FixedPredictor):
        calls = 0

        def predict(self, image: Image.Image, box: Box | None = None) -> Prediction:
            self.calls += 1
            assert self.calls < 2, "out of memory"
            return super().predict(image, box)

    app = make_app(SecondPhotoFails(made_prediction(0.9)))
    result = predict(app, "--format", "json", folder / "b.JPG", folder / "b.JPG")
    assert isinstance(result.exception, AssertionError)
    assert len(result.stdout.splitlines()) == 1


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
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
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
    done = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (1, "", sentence)
