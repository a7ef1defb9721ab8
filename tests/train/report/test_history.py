import json

import pytest

from train.datasets.dataset import DatasetError
from train.report.history import continued, recipes, seed_spread, training_history

LOG = "epoch,size,loss,val_loss,val_malignancy_auc\n1,128,1.5,,\n2,128,1.25,,0.875\n"


def test_runs_follow_each_other_and_empty_columns_are_left_out(tmp_path):
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "log.csv").write_text(LOG)
    assert training_history([tmp_path / "first", tmp_path / "second"]) == {
        "run": [0, 0, 1, 1],
        "epoch": [1, 2, 1, 2],
        "size": [128, 128, 128, 128],
        "loss": [1.5, 1.25, 1.5, 1.25],
        "val_malignancy_auc": [None, 0.875, None, 0.875],
    }


@pytest.mark.parametrize("log", [None, "epoch,loss\n1,good\n"])
def test_a_log_that_cannot_be_read_is_named(tmp_path, log):
    if log:
        (tmp_path / "log.csv").write_text(log)
    with pytest.raises(DatasetError, match=r"log\.csv"):
        training_history([tmp_path])


def made_run(folder, seed, auc, **recipe):
    folder.mkdir()
    (folder / "log.csv").write_text(
        f"epoch,size,loss,val_balanced_accuracy,val_malignancy_auc\n1,64,1.5,,\n2,64,1.25,{auc - 0.2},{auc}\n"
    )
    recipe = {"model": "lite0", "stages": [[64, 2]], "seed": seed, **recipe}
    (folder / "run.json").write_text(json.dumps({"recipe": recipe}))
    return folder


def test_the_spread_between_seeds(tmp_path):
    runs = [made_run(tmp_path / str(seed), seed, auc) for seed, auc in ((0, 0.9), (1, 0.92), (2, 0.91))]
    spread = seed_spread(runs)
    assert (spread["seeds"], spread["stages"]) == ([0, 1, 2], [[64, 2]])
    assert spread["val_malignancy_auc"]["values"] == [0.9, 0.92, 0.91]
    assert spread["val_malignancy_auc"]["mean"] == pytest.approx(0.91)
    assert spread["val_malignancy_auc"]["sd"] == pytest.approx(0.01)
    assert spread["val_balanced_accuracy"]["mean"] == pytest.approx(0.71)


@pytest.mark.parametrize(
    ("seed", "other"), [(0, {}), (1, {"learning_rate": 0.1}), (1, {"stages": [[64, 3]]})]
)
def test_runs_that_differ_otherwise_tell_nothing_about_seeds(tmp_path, seed, other):
    runs = [made_run(tmp_path / "first", 0, 0.9), made_run(tmp_path / "second", seed, 0.9, **other)]
    with pytest.raises(DatasetError, match="differ in their seed and in nothing else"):
        seed_spread(runs)


def test_a_run_that_did_not_end_tells_nothing_about_seeds(tmp_path):
    runs = [made_run(tmp_path / str(seed), seed, 0.9, stages=[[64, 3]]) for seed in (0, 1)]
    with pytest.raises(DatasetError, match="last epoch, 3"):
        seed_spread(runs)


def test_the_mean_of_runs_has_no_epochs_but_tells_how_many_it_is_of(tmp_path):
    run = made_run(tmp_path / "first", 0, 0.9)
    mean = made_run(tmp_path / "mean", 0, 0.9)
    (mean / "log.csv").unlink()
    (mean / "run.json").write_text(json.dumps({"recipe": {"seed": 0}, "averaged": ["first", "second"]}))
    assert training_history([run, mean]) == training_history([run])
    assert recipes([mean]) == [{"seed": 0, "mean_of": 2}]


def test_a_history_goes_on_where_an_earlier_release_ended():
    earlier = {"run": [0, 1], "loss": [1.5, 1.25], "accuracy": [0.5, 0.75]}
    later = {"run": [0, 0], "loss": [1.0, 0.5], "val_loss": [None, 0.5]}
    assert continued(earlier, later) == {
        "run": [0, 1, 2, 2],
        "loss": [1.5, 1.25, 1.0, 0.5],
        "accuracy": [0.5, 0.75, None, None],
        "val_loss": [None, None, None, 0.5],
    }
    assert continued(None, later) == later
    assert continued(earlier, {}) == earlier
