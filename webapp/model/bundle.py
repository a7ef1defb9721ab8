"""The model as it is shipped, and the check that every file is the one that its contract names."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import click

from webapp.model.contract import Contract, ContractError, ModelFile, parse_contract

BUNDLE_FOLDER: Final = Path(__file__).parents[1] / "bundle"
_REMEDY: Final = "Restore the model's folder from the repository, or export the model again."


class BundleError(click.ClickException):
    """A model that must not be served. As a click exception so that ``flask`` prints its sentence alone."""


@dataclass(frozen=True)
class Bundle:
    """A model: its folder, its contract and the figures measured for it (``metrics.json``).

    ``has_contract`` is false for a person's own Keras file that came without one: ``contract`` then
    holds what the file itself tells, its ``classes`` are empty, and ``metrics`` is ``None``.
    """

    folder: Path
    contract: Contract
    metrics: Mapping[str, Any] | None
    has_contract: bool = True

    @property
    def model_hashes(self) -> tuple[tuple[str, str], ...]:
        """Names and SHA-256 of the files that hold the network itself, the saved Keras model first."""
        hashes = ((name, file.sha256) for name, file in self.contract.files.items())
        return tuple(pair for pair in hashes if pair[0].endswith((".keras", ".h5", ".tflite")))

    def file(self, name: str) -> Path:
        """Returns where a file of the bundle lies; only one that the contract lists has been checked.

        Raises:
            BundleError: The contract does not list it.
        """
        if name not in self.contract.files:
            raise BundleError(f"The contract in {self.folder} does not list {name}. {_REMEDY}")
        return self.folder / name


def load_bundle(folder: Path, contract_name: str = "contract.json") -> Bundle:
    """Opens a model's folder and checks it: contract complete, each file there and unchanged.

    Args:
        folder: Where the contract and the files that it lists lie.
        contract_name: The contract's file name.

    Raises:
        BundleError: One sentence names the file or the field, another says what to do.
    """
    contract_file = folder / contract_name
    try:
        contract = parse_contract(_read_json(contract_file))
    except ContractError as error:
        raise BundleError(f"{contract_file}: {error}. {_REMEDY}") from error
    for name, expected in contract.files.items():
        _check_file(folder / name, expected)
    metrics = _read_json(folder / "metrics.json") if "metrics.json" in contract.files else None
    return Bundle(folder, contract, metrics)


def _read_json(file: Path) -> dict[str, Any]:
    try:
        content = json.loads(file.read_bytes())
    except FileNotFoundError as error:
        raise BundleError(f"{file} is missing. {_REMEDY}") from error
    except ValueError as error:
        raise BundleError(f"{file} is damaged: not valid JSON. {_REMEDY}") from error
    if not isinstance(content, dict):
        raise BundleError(f"{file} is damaged: not a JSON object. {_REMEDY}")
    return content


def _check_file(file: Path, expected: ModelFile) -> None:
    if not file.is_file():
        raise BundleError(f"{file} is missing. {_REMEDY}")
    size = file.stat().st_size
    if size != expected.bytes:
        raise BundleError(f"{file} is damaged: {size} bytes instead of {expected.bytes}. {_REMEDY}")
    with file.open("rb") as stream:
        sha256 = hashlib.file_digest(stream, "sha256").hexdigest()
    if sha256 != expected.sha256:
        raise BundleError(f"{file} is not the file that its contract names: SHA-256 {sha256}. {_REMEDY}")
