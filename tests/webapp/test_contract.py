import copy
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from tests.fakes import CONTRACT
from webapp.contract import ContractError, Gate, Thresholds, parse_contract

OPTIONAL = {"gate", "gate.unfamiliarity", "outputs.class_activation_maps", "outputs.unfamiliarity"}


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
    assert contract.thresholds == Thresholds(signs=0.2, unsure=0.05)
    assert contract.gate == Gate(10.0)


@pytest.mark.parametrize("name", sorted(set(field_names(CONTRACT)) - OPTIONAL))
def test_a_missing_field_is_named(name: str) -> None:
    with pytest.raises(ContractError, match=f"the field {name} is missing"):
        parse_contract(changed(name, ...))


@pytest.mark.parametrize("name", ["gate", "gate.unfamiliarity", "outputs.class_activation_maps"])
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
        ("thresholds.signs", "0.2"),
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
