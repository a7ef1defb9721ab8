import copy
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from tests.fakes import CONTRACT
from webapp.model.contract import (
    ContractError,
    DetailOffsets,
    Gate,
    KindLimits,
    PhotoKind,
    Thresholds,
    parse_contract,
)

OPTIONAL = {
    *("gate", "gate.unfamiliarity", "gate.sharpness", "gate.brightness", "gate.glare"),
    *("outputs.class_activation_maps", "outputs.unfamiliarity", "outputs.phone", "outputs.lesion_map"),
    "kind_limits",
}


def field_names(content: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    for name, value in content.items():
        if "." not in name:  # the names under "files" are data
            yield prefix + name
            if isinstance(value, dict):
                yield from field_names(value, f"{prefix}{name}.")


def changed(name: str, value: Any) -> dict[str, Any]:
    """Returns the valid contract with one field set, or taken out if the value is ``...``."""
    contract = copy.deepcopy(dict(CONTRACT))
    *groups, last = name.split(".")
    group = contract
    for part in groups:
        group = group[part]
    if value is ...:
        del group[last]
    else:
        group[last] = value
    return contract


def test_a_complete_contract_is_read() -> None:
    contract = parse_contract(CONTRACT)
    assert contract.version == "9.9.9"
    assert contract.files["model.tflite"].bytes == 14_000_000
    assert contract.input.size == 32
    assert contract.thresholds == {
        PhotoKind.DERMATOSCOPE: Thresholds(signs=0.2, unsure=0.05),
        PhotoKind.PHONE: Thresholds(signs=0.4, unsure=0.03),
    }
    assert contract.kind_limits == KindLimits(dermatoscope=0.1, phone=0.9)
    assert contract.gate == Gate(10.0, sharpness=2.0, brightness=60.0, glare=0.15)
    assert not contract.input.corrects_exposure


@pytest.mark.parametrize(
    ("phone", "kind", "thresholds"),
    [
        (0.09, PhotoKind.DERMATOSCOPE, Thresholds(0.2, 0.05)),
        (0.91, PhotoKind.PHONE, Thresholds(0.4, 0.03)),
        # In doubt: each limit from whichever kind flags more.
        (0.1, PhotoKind.PHONE, Thresholds(0.2, 0.03)),
        (0.5, PhotoKind.PHONE, Thresholds(0.2, 0.03)),
        (0.9, PhotoKind.PHONE, Thresholds(0.2, 0.03)),
        (None, PhotoKind.DERMATOSCOPE, Thresholds(0.2, 0.05)),
    ],
)
def test_each_kind_of_photo_has_its_limits_and_doubt_has_the_more_cautious(
    phone: float | None, kind: PhotoKind, thresholds: Thresholds
) -> None:
    point = parse_contract(CONTRACT).operating_point(phone)
    assert (point.kind, point.thresholds) == (kind, thresholds)


def test_a_model_may_have_the_same_limits_for_all_photos() -> None:
    contract = parse_contract(changed("thresholds", {"signs": 0.2, "unsure": 0.05}))
    assert contract.operating_point(0.95).thresholds == Thresholds(0.2, 0.05)


def test_kinds_without_an_output_to_tell_them_are_refused() -> None:
    with pytest.raises(ContractError, match="kind_limits"):
        parse_contract(changed("outputs.phone", ...))


def test_kind_limits_out_of_order_are_refused() -> None:
    with pytest.raises(ContractError, match="kind_limits"):
        parse_contract(changed("kind_limits", {"dermatoscope": 0.9, "phone": 0.1}))


@pytest.mark.parametrize("name", sorted(set(field_names(CONTRACT)) - OPTIONAL))
def test_a_missing_field_is_named(name: str) -> None:
    with pytest.raises(ContractError, match=f"the field {name} is missing"):
        parse_contract(changed(name, ...))


@pytest.mark.parametrize(
    "name", ["gate", "gate.unfamiliarity", "gate.glare", "kind_limits", "outputs.class_activation_maps"]
)
@pytest.mark.parametrize("value", [..., None])
def test_what_a_model_need_not_have_may_be_missing(name: str, value: Any) -> None:
    parse_contract(changed(name, value))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("schema", 2),
        ("version", 1.0),
        ("version", ""),
        ("training_data", "HAM10000"),
        ("files", []),
        ("input.size", 192.0),
        ("input.size", True),
        ("input.dtype", "float32"),
        ("input.range", [0, 1]),
        ("input.channels", "BGR"),
        ("outputs.probabilities", 0),
        ("classes", ["nv", "mel", "bkl", "bcc", "akiec", "vasc", "df"]),
        ("classes", ["akiec", "bcc", "bkl", "df", "mel", "nv"]),
        ("temperature", float("nan")),
        ("natural_prior", [0.5, 0.5]),
        ("decision_weights", [1, 1, 1, 1, 1, 1, float("inf")]),
        ("thresholds.phone.signs", "0.2"),
        ("input.corrects_exposure", 1),
        ("gate.unfamiliarity", "high"),
    ],
)
def test_a_wrong_field_is_named(name: str, value: Any) -> None:
    with pytest.raises(ContractError, match=f"the field {name} must be "):
        parse_contract(changed(name, value))


@pytest.mark.parametrize("thresholds", [(0.05, 0.2), (1.0, 0.05), (0.2, 0.0)])
def test_thresholds_out_of_order_are_refused(thresholds: tuple[float, float]) -> None:
    signs, unsure = thresholds
    with pytest.raises(ContractError, match="thresholds"):
        parse_contract(changed("thresholds", {"signs": signs, "unsure": unsure}))


def test_a_gate_without_an_output_to_measure_is_refused() -> None:
    with pytest.raises(ContractError, match="unfamiliarity"):
        parse_contract(changed("outputs.unfamiliarity", ...))


SEVEN = [0.1, -0.2, 0.0, 0.3, 0.5, -0.4, 0.0]
DETAILS = {
    "age": {"knots": [30, 60], "offsets": [[0.0] * 7, SEVEN]},
    "sex": {"female": [0.0] * 7, "male": SEVEN},
    "site": {"foot": SEVEN},
}


def test_what_details_tell_is_read_for_each_kind_of_photo() -> None:
    contract = parse_contract({**CONTRACT, "details": {"phone": DETAILS}})
    told = DetailOffsets(
        (30, 60),
        ((0.0,) * 7, tuple(SEVEN)),
        {"female": (0.0,) * 7, "male": tuple(SEVEN)},
        {"foot": tuple(SEVEN)},
    )
    assert contract.operating_point(0.95).details == told
    assert contract.operating_point(0.05).details == DetailOffsets()
    # In doubt, the offsets go with the kind that is named.
    assert contract.operating_point(0.5).kind is PhotoKind.PHONE
    assert contract.operating_point(0.5).details == told


@pytest.mark.parametrize("missing", sorted(DETAILS))
def test_any_detail_may_be_unknown_to_a_model(missing: str) -> None:
    known = {name: value for name, value in DETAILS.items() if name != missing}
    found = parse_contract({**CONTRACT, "details": {"dermatoscope": known}}).details[PhotoKind.DERMATOSCOPE]
    assert not (found.age_knots if missing == "age" else getattr(found, missing))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("age.knots", 30),
        ("age.knots", []),
        ("age.offsets", [[0.0] * 7, [0.0] * 6]),
        ("age.offsets", [0.0] * 7),
        ("sex.male", [float("nan")] * 7),
        ("site.foot", {}),
        ("site", []),
    ],
)
def test_a_wrong_detail_is_named(name: str, value: Any) -> None:
    details = copy.deepcopy(DETAILS)
    *groups, last = name.split(".")
    group: Any = details
    for part in groups:
        group = group[part]
    group[last] = value
    with pytest.raises(ContractError, match=f"the field details.phone.{name} must be "):
        parse_contract({**CONTRACT, "details": {"phone": details}})


@pytest.mark.parametrize("knots", [[60, 30], [30, 30], [30, 45, 60]])
def test_knots_of_age_ascend_and_each_has_its_offsets(knots: list[int]) -> None:
    age = {"knots": knots, "offsets": [[0.0] * 7, SEVEN]}
    with pytest.raises(ContractError, match="ascending knots"):
        parse_contract({**CONTRACT, "details": {"phone": {"age": age}}})


def test_limits_of_melanoma_and_of_the_unusual_are_read_and_doubt_has_the_more_cautious() -> None:
    thresholds = {
        "dermatoscope": {"signs": 0.2, "unsure": 0.05, "melanoma": 0.1, "unusual": 0.5},
        "phone": {"signs": 0.4, "unsure": 0.03, "melanoma": 0.2, "unusual": None},
    }
    contract = parse_contract({**CONTRACT, "thresholds": thresholds})
    assert contract.operating_point(0.05).thresholds == Thresholds(0.2, 0.05, 0.1, 0.5)
    assert contract.operating_point(0.95).thresholds == Thresholds(0.4, 0.03, 0.2, None)
    assert contract.operating_point(0.5).thresholds == Thresholds(0.2, 0.03, 0.1, 0.5)


def test_an_unusual_photo_needs_an_output_that_measures_it() -> None:
    without = {**CONTRACT, "gate": {}, "outputs": {**CONTRACT["outputs"], "unfamiliarity": None}}
    thresholds = {"signs": 0.2, "unsure": 0.05, "unusual": 0.5}
    with pytest.raises(ContractError, match="unfamiliarity"):
        parse_contract({**without, "thresholds": thresholds})


@pytest.mark.parametrize("melanoma", [0, 1, -0.1])
def test_a_limit_of_melanoma_that_is_no_chance_is_refused(melanoma: float) -> None:
    with pytest.raises(ContractError, match="melanoma"):
        parse_contract(changed("thresholds.phone.melanoma", melanoma))


@pytest.mark.parametrize("limit", ["beside", "sureness"])
def test_how_many_spots_there_may_be_needs_a_map_of_them(limit: str) -> None:
    contract = changed(f"gate.{limit}", 0.4)
    assert getattr(parse_contract(contract).gate, limit) == 0.4
    assert getattr(parse_contract(CONTRACT).gate, limit) is None
    del contract["outputs"]["lesion_map"]
    with pytest.raises(ContractError, match="map"):
        parse_contract(contract)
