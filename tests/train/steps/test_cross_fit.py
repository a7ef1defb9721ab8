"""A network that learns from validation is never asked about what it was shown of it."""

import json
from pathlib import Path

import numpy as np
import pytest

from tests.train.steps.test_teach import made
from train.steps.cross_fit import (
    refuse_seen,
    unseen_after,
    unseen_by,
    unseen_by_mean,
    who_answers,
    without_fold,
)
from train.steps.failures import FitError
from train.steps.recipe import Recipe

TRAIN, VAL = made(70), made(700, "asked")


def run(folder: Path, unseen: str = "validation", averaged: tuple[str, ...] = ()) -> Path:
    folder.mkdir()
    about = {"recipe": {}, "unseen": unseen} | ({"averaged": averaged} if averaged else {})
    (folder / "run.json").write_text(json.dumps(about))
    return folder


def test_each_network_learns_from_all_folds_but_its_own() -> None:
    parts = [without_fold(TRAIN, VAL, 3, fold) for fold in range(3)]
    for taught, asked in parts:
        assert set(taught.records) == set(TRAIN.records) | set(VAL.records) - set(asked.records)
        lesions = {record.lesion_id for record in taught.records}
        assert not lesions & {record.lesion_id for record in asked.records}
        assert 0.2 < len(asked.records) / len(VAL.records) < 0.5
    assert sorted(r.image_id for _, asked in parts for r in asked.records) == sorted(
        r.image_id for r in VAL.records
    )


def test_each_photo_is_answered_by_the_network_that_was_not_shown_it(tmp_path: Path) -> None:
    runs = [run(tmp_path / str(fold), f"{fold + 1}/3") for fold in (2, 0, 1)]
    answered = []
    for (network, indices), fold in zip(who_answers(VAL, runs), (2, 0, 1), strict=True):
        assert network.name == str(fold)
        _, asked = without_fold(TRAIN, VAL, 3, fold)
        assert [VAL.records[index] for index in indices] == list(asked.records)
        answered.append(indices)
    assert np.array_equal(np.sort(np.concatenate(answered)), np.arange(len(VAL.records)))


def test_no_network_calibrates_itself_on_what_it_was_shown(tmp_path: Path) -> None:
    first, second = (run(tmp_path / name, f"{fold}/2") for fold, name in enumerate(("first", "second"), 1))
    mean = run(tmp_path / "mean", "nothing", ("first", "second"))
    plain, plain_mean = run(tmp_path / "plain"), run(tmp_path / "plain-mean", averaged=("first", "second"))
    (tmp_path / "later").mkdir()
    another = run(tmp_path / "later" / "first", "1/2")  # of another round, by its name the same
    refuse_seen(mean, [second, first])
    refuse_seen(plain, [])
    refuse_seen(plain_mean, [])
    for network, cross_fitted in (
        (mean, []),
        (first, []),
        (first, [first, second]),
        (mean, [first]),
        (mean, [first, first]),
        (mean, [first, plain]),
        (mean, [another, first]),
        (plain, [first, second]),
        (run(tmp_path / "went-on", "nothing"), []),
    ):
        with pytest.raises(FitError, match="--cross-fitted"):
            refuse_seen(network, cross_fitted)


def test_what_a_network_was_shown_goes_on_with_it(tmp_path: Path) -> None:
    plain, half, mean = (
        run(tmp_path / unseen.replace("/", "-"), unseen) for unseen in ("validation", "1/2", "nothing")
    )
    whole, first, second = Recipe(), Recipe(folds=2, fold=0), Recipe(folds=2, fold=1)
    for recipe, start, unseen in (
        (whole, None, "validation"),
        (whole, plain / "classifier.keras", "validation"),
        (first, None, "1/2"),
        (second, plain, "2/2"),
        (first, half / "classifier.keras", "1/2"),
        (whole, half, "1/2"),
        (second, half, "nothing"),
        (whole, mean, "nothing"),
        (first, mean, "nothing"),
    ):
        assert unseen_after(recipe, start) == unseen


def test_a_bundle_says_what_its_network_was_shown(tmp_path: Path) -> None:
    (tmp_path / "contract.json").write_text(json.dumps({"unseen": "nothing"}))
    assert unseen_by(tmp_path) == "nothing"
    (tmp_path / "contract.json").write_text("{}")  # of a release before there was such a thing
    assert unseen_by(tmp_path) == "validation"


def test_only_networks_that_were_shown_nothing_or_one_a_fold_have_a_mean(tmp_path: Path) -> None:
    first, second, third = (run(tmp_path / str(fold), f"{fold}/2") for fold in (1, 2, 3))
    plain, other = run(tmp_path / "plain"), run(tmp_path / "other")
    assert unseen_by_mean([plain, other]) == "validation"
    assert unseen_by_mean([second, first]) == "nothing"
    for runs in ([plain, first, second], [first, first], [first], [second, third]):
        with pytest.raises(FitError, match="could not be calibrated"):
            unseen_by_mean(runs)


@pytest.mark.parametrize("text", ["0/2", "3/2", "1/1", "half", "1/0", "-1/2"])
def test_a_fold_that_does_not_exist_is_refused(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    from train.__main__ import main

    with pytest.raises(SystemExit):
        main(["fit", "--run", "nowhere", f"--all-but={text}"])
    assert "does not look like 1/5" in capsys.readouterr().err
