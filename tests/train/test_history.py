import pytest

from train.dataset import DatasetError
from train.history import training_history

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
