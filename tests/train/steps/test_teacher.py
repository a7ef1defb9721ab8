"""Released bundles teach with what they would answer if each class came as often as in training."""

import numpy as np
import pytest

from webapp.model.runtimes import LiteRtRuntime


def test_several_teachers_answer_with_the_mean_of_their_logits(monkeypatch):
    from types import SimpleNamespace

    from train.steps import teacher as module

    flat = (1 / 7,) * 7
    said = {"a": np.array([0.7] + [0.05] * 6), "b": np.array([0.05] * 6 + [0.7])}

    def opened(name):
        contract = SimpleNamespace(
            input=SimpleNamespace(size=32 if name != "other" else 48),
            outputs=SimpleNamespace(probabilities="p"),
            training_prior=flat,
            natural_prior=flat,
        )
        return SimpleNamespace(
            bundle=SimpleNamespace(contract=contract), run=lambda view: {"p": said[name][np.newaxis]}
        )

    monkeypatch.setattr(module, "open_served", opened)
    views = np.zeros((2, 32, 32, 3), np.uint8)
    expected = np.sqrt(said["a"] * said["b"])
    answers = module.Teacher(["a", "b"]).answers(views)
    assert answers == pytest.approx(np.tile(expected / expected.sum(), (2, 1)))
    with pytest.raises(module.BundleError, match=r"one size.*\[32, 48\]"):
        module.Teacher(["a", "other"])


@pytest.mark.tensorflow
@pytest.mark.slow
def test_a_bundle_teaches_for_the_prior_that_its_pupil_sees():
    from train.steps.teacher import Teacher
    from webapp.model.bundle import BUNDLE_FOLDER, load_bundle

    contract = load_bundle(BUNDLE_FOLDER).contract
    teacher = Teacher([BUNDLE_FOLDER])
    views = np.random.default_rng(0).integers(0, 256, (3, teacher.size, teacher.size, 3), np.uint8)
    served = LiteRtRuntime(BUNDLE_FOLDER / "model.tflite", contract)
    probabilities = np.concatenate([served.run(view[None])["probabilities"] for view in views])
    odds = probabilities * np.divide(contract.training_prior, contract.natural_prior)
    assert teacher.answers(views) == pytest.approx(odds / odds.sum(axis=1, keepdims=True), abs=1e-3)
