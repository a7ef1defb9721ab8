import numpy as np
import pytest

from webapp.model.labels import CLASSES

pytestmark = pytest.mark.tensorflow

FLAT = (1 / 7,) * 7


def drawn(temperature: float, prior: np.ndarray, count: int = 20_000) -> tuple[np.ndarray, np.ndarray]:
    """Logits of an overconfident network, and what the photos really are."""
    rng = np.random.default_rng(0)
    true_logits = rng.normal(0, 2, (count, len(CLASSES))) + np.log(prior)
    chances = np.exp(true_logits) / np.exp(true_logits).sum(axis=1, keepdims=True)
    truth = np.array([rng.choice(len(CLASSES), p=p) for p in chances])
    return (true_logits - np.log(prior)) * temperature, truth


def test_temperature_is_found_and_priors_are_put_back():
    from train.steps.calibrate import fit_temperature

    prior = np.array([0.03, 0.05, 0.11, 0.01, 0.11, 0.67, 0.02])
    logits, truth = drawn(2.5, prior)
    calibration = fit_temperature(logits, truth, FLAT, tuple(prior))
    assert calibration.temperature == pytest.approx(2.5, rel=0.05)
    share = calibration.probabilities(logits).mean(axis=0)
    assert share == pytest.approx(np.bincount(truth, minlength=7) / len(truth), abs=0.01)


def test_decision_weights_favour_rare_classes():
    from train.network.served import Calibration
    from train.steps.calibrate import _decision_weights

    prior = np.array([0.03, 0.05, 0.11, 0.01, 0.11, 0.67, 0.02])
    logits, truth = drawn(1.0, prior)
    weights = _decision_weights(Calibration(1.0, FLAT, tuple(prior)).probabilities(logits), truth, prior)
    assert weights[CLASSES.index("df")] > 10 * weights[CLASSES.index("nv")]


def test_choices_survive_their_file(tmp_path):
    import dataclasses
    import json

    from train.network.heads import LogisticHead
    from train.network.served import Calibration, Heads, save_heads
    from train.steps.calibrate import CALIBRATION, HEADS, Choices, load_choices
    from webapp.model.contract import DetailOffsets, Gate, KindLimits, PhotoKind, Thresholds

    choices = Choices(
        size=192,
        views=4,
        calibration=Calibration(1.2, FLAT, FLAT),
        decision_weights=FLAT,
        thresholds={
            PhotoKind.DERMATOSCOPE: Thresholds(0.2, 0.05, 0.1, 0.5),
            PhotoKind.PHONE: Thresholds(0.3, 0.1),
        },
        kind_limits=KindLimits(0.1, 0.9),
        gate=Gate(1.0, 2.0, 60.0, 0.15),
        figures={"val": 0.7},
        details={PhotoKind.PHONE: DetailOffsets((30.0,), (FLAT,), {"male": FLAT}, {"foot": FLAT})},
        malignancy_log_odds={PhotoKind.PHONE: 0.8},
        limits=[{"price": 0.05, "collections": {}}],
    )
    (tmp_path / CALIBRATION).write_text(json.dumps(dataclasses.asdict(choices)))
    head = LogisticHead(np.arange(10, dtype=np.float32), 0.5)
    save_heads(tmp_path / HEADS, Heads(phone=head))
    read, heads = load_choices(tmp_path)
    assert read == choices
    assert np.array_equal(heads.phone.weights, head.weights)
