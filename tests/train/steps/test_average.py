import json

import numpy as np
import pytest

pytestmark = [pytest.mark.tensorflow, pytest.mark.slow]

ABOUT = {"recipe": {"model": "lite0", "stages": [[64, 1]], "balance": 0.25, "seed": 0}, "arguments": []}


@pytest.fixture
def make_run(tmp_path):
    keras = pytest.importorskip("keras")

    def make(name, value, units=3):
        network = keras.Sequential(
            [keras.Input((2,)), keras.layers.Dense(units), keras.layers.BatchNormalization()]
        )
        network.set_weights([np.full(weight.shape, value) for weight in network.weights])
        (tmp_path / name).mkdir()
        network.save(tmp_path / name / "classifier.keras")
        (tmp_path / name / "run.json").write_text(json.dumps(ABOUT))
        return tmp_path / name

    return make


def test_the_mean_of_networks_is_a_run_that_says_what_it_was_made_of(make_run, tmp_path):
    import keras

    from train.__main__ import main

    runs = [make_run(str(value), value) for value in (1.0, 2.0, 6.0)]
    assert main(["average", "--runs", *map(str, runs), "--run", str(tmp_path / "mean")]) == 0
    mean = keras.saving.load_model(tmp_path / "mean" / "classifier.keras", compile=False)
    assert all(weight == pytest.approx(3.0) for weight in mean.get_weights())
    about = json.loads((tmp_path / "mean" / "run.json").read_text())
    assert about["recipe"]["stages"] == [[64, 1]]
    assert about["recipe"]["balance"] == 0.25
    assert about["averaged"] == ["1.0", "2.0", "6.0"]


def test_networks_of_different_layers_have_no_mean(make_run, tmp_path):
    from train.steps.average import average
    from train.steps.failures import FitError

    with pytest.raises(FitError, match="differ in their layers"):
        average([make_run("first", 1.0), make_run("second", 1.0, units=4)], tmp_path / "mean")
    assert not (tmp_path / "mean").exists()


def test_runs_that_learned_from_different_photos_have_no_mean(make_run, tmp_path):
    from train.steps.average import average
    from train.steps.failures import FitError

    runs = [make_run("first", 1.0), make_run("second", 1.0)]
    taught = {**ABOUT, "recipe": {**ABOUT["recipe"], "extra_share": 0.25}}
    (runs[1] / "run.json").write_text(json.dumps(taught))
    with pytest.raises(FitError, match="other collections"):
        average(runs, tmp_path / "mean")
    assert not (tmp_path / "mean").exists()


def test_a_run_is_not_overwritten(make_run):
    from train.steps.average import average
    from train.steps.failures import FitError

    run = make_run("first", 1.0)
    with pytest.raises(FitError, match="already holds a run"):
        average([run], run)
