"""The documents name rooms and files that are there, in the layers that `make lint` holds."""

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ARCHITECTURE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
LAYERS = {
    contract["containers"][0]: contract["layers"]
    for contract in tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    if "containers" in contract
}


def rooms(package: str) -> str:
    return ARCHITECTURE.split(f"## The rooms of `{package}/`\n")[1].split("\n## ")[0]


@pytest.mark.parametrize("package", ["webapp", "train"])
def test_every_room_has_its_paragraph(package: str) -> None:
    described = set(re.findall(r"^\*\*`([\w/.]+)`\*\*", rooms(package), re.M))
    layers = {name for layer in LAYERS[package] for name in re.findall(r"\w+", layer)}
    folders = {name for name in layers if (ROOT / package / name).is_dir()}
    files = {f"{name}.py" for name in layers - folders if package == "webapp"}
    assert described == {f"{name}/" for name in folders} | files | {
        f"{package}/{'__init__' if package == 'webapp' else '__main__'}.py"
    }


def test_the_layers_are_drawn_as_they_are_checked() -> None:
    drawing = ARCHITECTURE.split("```mermaid\n")[1].split("```")[0]
    webapp = " --> ".join(reversed(LAYERS["webapp"]))
    assert f"{webapp} --> create_app" in drawing
    *upper, lowest = LAYERS["train"]
    road = " --> ".join([*reversed(upper[1:]), "main"])
    assert road in drawing
    for name in re.findall(r"\w+", lowest):
        assert f"{name} --> {upper[-1]}" in drawing


@pytest.mark.parametrize("package", ["webapp", "train"])
def test_every_file_of_a_room_is_one_that_is_there(package: str) -> None:
    for paragraph in re.split(r"\n\n(?=\*\*`)", rooms(package)):
        room = re.search(r"\*\*`([\w/.]+)`", paragraph)
        assert room
        folder = ROOT / package / room[1] if room[1].endswith("/") else ROOT
        for name in re.findall(r"`(\w+\.py)`", paragraph):
            assert (folder / name).is_file() or (ROOT / package / name).is_file(), f"{room[1]}: {name}"


@pytest.mark.parametrize("package", ["webapp", "train"])
def test_every_file_of_the_house_is_named(package: str) -> None:
    files = [file for file in (ROOT / package).rglob("*.py") if file.name != "__init__.py"]
    named = set(re.findall(r"(\w+\.py)`", ARCHITECTURE))
    unnamed = [file for file in files if file.parent.name != "commands" and file.name not in named]
    assert files and not unnamed


DOCUMENTS = ("README.md", "SECURITY.md", "docs/*.md", "train/README.md", "benchmarks/README.md", "Makefile")
NAMED = re.compile(r"(?<![\w/.-])[\w.-]+(?:/[\w.-]+)+\.(?:py|md|csv|jinja|json|txt|svg|yaml|conf)\b")

LINK = re.compile(r"\]\((?!https?:)([^)#\s]+)")


@pytest.mark.parametrize(
    "document",
    sorted(file for name in DOCUMENTS for file in ROOT.glob(name)),
    ids=lambda file: str(file.relative_to(ROOT)),
)
def test_a_document_names_files_that_are_there(document: Path) -> None:
    places = (ROOT, document.parent, *(ROOT / name for name in ("webapp", "train", "train/steps")))
    text = document.read_text(encoding="utf-8")
    for link in LINK.findall(text):
        assert (document.parent / link).exists(), link
    for name in NAMED.findall(text):
        if name.split("/")[0] in ("runs", "data", "build"):
            continue  # what a person makes, and git ignores
        ours = any((place / name.split("/")[0]).is_dir() for place in places)  # or of a person's own disk
        assert not ours or any((place / name).is_file() for place in places), name
