"""Cancers are more common among photos of one kind: the chance of cancer moves, what is in it does not."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from tests.fakes import CONTRACT
from webapp.model.contract import Contract, ContractError, KindLimits, PhotoKind, parse_contract
from webapp.model.kind_prior import with_kind_prior
from webapp.model.labels import CLASSES, MALIGNANT_INDICES
from webapp.model.predictor import read_outputs

LIMITS = KindLimits(dermatoscope=0.1, phone=0.9)
TWICE = {PhotoKind.PHONE: float(np.log(2))}
MALIGNANT = list(MALIGNANT_INDICES)
SHARES = np.array([0.05, 0.1, 0.2, 0.05, 0.15, 0.4, 0.05])
"""Three in ten are cancer."""


def malignancy_of(phone: float) -> float:
    (found,) = with_kind_prior(SHARES[np.newaxis], np.array([phone]), LIMITS, TWICE)
    return float(found[MALIGNANT].sum())


def test_the_odds_of_cancer_of_a_phones_photo_are_multiplied() -> None:
    assert malignancy_of(0.95) == pytest.approx(0.6 / (0.6 + 0.7))
    assert malignancy_of(0.05) == pytest.approx(0.3)


def test_a_photo_in_doubt_lies_in_between_and_nothing_jumps() -> None:
    found = [malignancy_of(phone) for phone in np.linspace(0, 1, 201)]
    assert found == sorted(found)
    assert max(np.diff(found)) < 0.01


def test_the_shares_among_cancers_and_among_the_harmless_stay() -> None:
    (found,) = with_kind_prior(SHARES[np.newaxis], np.array([1.0]), LIMITS, TWICE)
    harmless = [index for index in range(len(CLASSES)) if index not in MALIGNANT]
    assert found.sum() == pytest.approx(1)
    for part in (MALIGNANT, harmless):
        assert found[part] / found[part].sum() == pytest.approx(SHARES[part] / SHARES[part].sum())


def contract_with(log_odds: Mapping[str, Any] | None) -> Contract:
    return parse_contract({**CONTRACT, "malignancy_log_odds": log_odds})


def outputs(phone: float) -> dict[str, np.ndarray]:
    return {
        "probabilities": SHARES[np.newaxis].astype(np.float32),
        "class_activation_maps": np.zeros((1, 6, 6, 7), np.float32),
        "unfamiliarity": np.zeros((1, 1), np.float32),
        "phone": np.array([[phone]], np.float32),
        "lesion_map": np.zeros((1, 24, 24, 1), np.float32),
    }


def test_the_answer_has_it_and_the_named_diagnosis_is_the_networks_own() -> None:
    with_it, without = contract_with({"phone": 3.0}), contract_with(None)
    phone = read_outputs(outputs(0.95), with_it)
    own = read_outputs(outputs(0.95), without)
    assert own.malignancy == pytest.approx(0.3, abs=1e-6)
    assert phone.malignancy == pytest.approx(0.3 * np.exp(3) / (0.3 * np.exp(3) + 0.7), abs=1e-6)
    assert phone.probabilities is not None
    assert sum(phone.probabilities) == pytest.approx(1)
    assert phone.diagnosis == own.diagnosis
    assert read_outputs(outputs(0.05), with_it).malignancy == pytest.approx(0.3, abs=1e-6)


def test_a_bundle_without_the_field_answers_as_before() -> None:
    assert parse_contract(CONTRACT).malignancy_log_odds == {}


@pytest.mark.parametrize(
    ("log_odds", "kind_limits", "sentence"),
    [
        ({"phone": "more"}, CONTRACT["kind_limits"], "malignancy_log_odds.phone must be a number"),
        ({"phone": 1.0}, None, "no kind_limits divide them"),
    ],
)
def test_a_wrong_field_is_named(log_odds: Any, kind_limits: Any, sentence: str) -> None:
    with pytest.raises(ContractError, match=sentence):
        parse_contract({**CONTRACT, "malignancy_log_odds": log_odds, "kind_limits": kind_limits})
