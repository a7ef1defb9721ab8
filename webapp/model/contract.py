"""The model's contract (``contract.json``): what goes in, what comes out, and how to read it."""

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import pairwise
from typing import Any

from webapp.model.labels import CLASSES


class ContractError(ValueError):
    """A contract with a field that is missing or wrong; the sentence names it."""


@dataclass(frozen=True)
class ModelFile:
    """What a file of the bundle must be: its SHA-256 in hexadecimal and its size in bytes."""

    sha256: str
    bytes: int


@dataclass(frozen=True)
class ModelInput:
    """The network's input: a square image of ``size`` pixels, ``dtype`` values within ``range``.

    ``corrects_exposure`` says that dark photos are to be brightened first
    (:func:`webapp.photo.imaging.correct_exposure`).
    """

    name: str
    size: int
    dtype: str
    range: tuple[int, int]
    channels: str
    corrects_exposure: bool = False


@dataclass(frozen=True)
class ModelOutputs:
    """Names of the network's outputs; an output that a model does not have is ``None``."""

    probabilities: str
    class_activation_maps: str | None = None
    unfamiliarity: str | None = None
    phone: str | None = None
    lesion_map: str | None = None


class PhotoKind(StrEnum):
    """What a photo was taken with: a skin microscope or a phone alone."""

    DERMATOSCOPE = "dermatoscope"
    PHONE = "phone"


@dataclass(frozen=True)
class Thresholds:
    """From which malignancy (0–1) on a photo counts as ``signs``, and from which as ``unsure``.

    From a probability of ``melanoma`` (0–1) on an ``unsure`` spot is to be seen sooner. A photo with an
    unfamiliarity above ``unusual`` is never ``no_signs``. ``None`` is no such limit.
    """

    signs: float
    unsure: float
    melanoma: float | None = None
    unusual: float | None = None


@dataclass(frozen=True)
class DetailOffsets:
    """What age, sex and place add to the log-probabilities of the seven ``labels.CLASSES``.

    ``age_offsets`` stand at ``age_knots`` (years, ascending). ``sex`` and ``site`` have their names as in
    ``contract.json``. What is empty adds nothing.
    """

    age_knots: tuple[float, ...] = ()
    age_offsets: tuple[tuple[float, ...], ...] = ()
    sex: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    site: Mapping[str, tuple[float, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class KindLimits:
    """A photo whose chance (0–1) of being a phone's is below ``dermatoscope`` counts as a dermatoscope's,
    one above ``phone`` as a phone's; what lies between is in doubt."""

    dermatoscope: float
    phone: float


@dataclass(frozen=True)
class OperatingPoint:
    """The limits and what details add for one photo, and the kind of photo whose measured figures go with
    them."""

    kind: PhotoKind
    thresholds: Thresholds
    details: DetailOffsets = DetailOffsets()


@dataclass(frozen=True)
class Gate:
    """What the model may judge: at most ``unfamiliarity`` and ``glare``, at least ``sharpness`` and
    ``brightness`` (see :class:`webapp.photo.quality.Quality`), at most ``beside`` of further spots
    beside the main spot, and a main spot that is as sure as ``sureness`` at least (see
    :mod:`webapp.answer.spots`). ``None`` is no limit."""

    unfamiliarity: float | None = None
    sharpness: float | None = None
    brightness: float | None = None
    glare: float | None = None
    beside: float | None = None
    sureness: float | None = None


@dataclass(frozen=True)
class Contract:
    """A contract, complete and checked.

    ``training_prior``, ``natural_prior`` and ``decision_weights`` hold one number for each of
    ``classes``, in that order. So does ``golden``, the model's answer for
    :func:`webapp.model.golden.golden_picture`; ``None`` for a model that came without it. ``kind_limits`` is
    ``None`` for a model that does not tell the kinds of photo apart: it has the same thresholds for all.
    ``details`` is empty for a model that does not know what age, sex and place tell. ``malignancy_log_odds``
    is what a photo of a kind adds to the log-odds of malignancy (:mod:`webapp.model.kind_prior`), and empty
    for a model that needs no such thing.
    """

    name: str
    version: str
    created: str
    architecture: str
    licence: str
    training_data: tuple[str, ...]
    intended_use: str
    files: Mapping[str, ModelFile]
    input: ModelInput
    outputs: ModelOutputs
    classes: tuple[str, ...]
    temperature: float
    training_prior: tuple[float, ...]
    natural_prior: tuple[float, ...]
    decision_weights: tuple[float, ...]
    thresholds: Mapping[PhotoKind, Thresholds]
    gate: Gate
    golden: tuple[float, ...] | None = None
    kind_limits: KindLimits | None = None
    details: Mapping[PhotoKind, DetailOffsets] = field(default_factory=dict)
    malignancy_log_odds: Mapping[PhotoKind, float] = field(default_factory=dict)

    def operating_point(self, phone: float | None) -> OperatingPoint:
        """Chooses the thresholds for a photo; where its kind is in doubt, the more cautious ones.

        Args:
            phone: Chance (0–1) that it is a phone's photo; ``None`` if the model cannot tell.
        """
        if phone is None or self.kind_limits is None or phone < self.kind_limits.dermatoscope:
            kind = PhotoKind.DERMATOSCOPE
        elif phone > self.kind_limits.phone:
            kind = PhotoKind.PHONE
        else:
            points = self.thresholds.values()
            cautious = Thresholds(
                min(p.signs for p in points),
                min(p.unsure for p in points),
                min((p.melanoma for p in points if p.melanoma is not None), default=None),
                min((p.unusual for p in points if p.unusual is not None), default=None),
            )
            lowest = min(self.thresholds, key=lambda kind: self.thresholds[kind].unsure)
            return OperatingPoint(lowest, cautious, self.details.get(lowest, DetailOffsets()))
        return OperatingPoint(kind, self.thresholds[kind], self.details.get(kind, DetailOffsets()))


def same_for_all(thresholds: Thresholds) -> Mapping[PhotoKind, Thresholds]:
    """Returns the thresholds of a model that does not tell the kinds of photo apart."""
    return dict.fromkeys(PhotoKind, thresholds)


def parse_contract(content: Mapping[str, Any]) -> Contract:
    """Checks a contract field by field.

    Args:
        content: The parsed JSON.

    Raises:
        ContractError: A field is missing or wrong.
    """
    fields = _Fields(content)
    fields.exactly("schema", 1)
    files = fields.group("files")
    return Contract(
        name=fields.text("name"),
        version=fields.text("version"),
        created=fields.text("created"),
        architecture=fields.text("architecture"),
        licence=fields.text("licence"),
        training_data=fields.texts("training_data"),
        intended_use=fields.text("intended_use"),
        files={name: _model_file(files.group(name)) for name in files.names()},
        input=_model_input(fields.group("input")),
        outputs=_model_outputs(fields.group("outputs")),
        classes=tuple(fields.exactly("classes", list(CLASSES))),
        temperature=fields.number("temperature"),
        training_prior=fields.per_class("training_prior"),
        natural_prior=fields.per_class("natural_prior"),
        decision_weights=fields.per_class("decision_weights"),
        thresholds=_thresholds_by_kind(fields),
        gate=_gate(fields),
        kind_limits=_kind_limits(fields),
        details=_details_by_kind(fields),
        malignancy_log_odds=_malignancy_log_odds(fields),
        golden=fields.group("golden").per_class("probabilities") if fields.has("golden") else None,
    )


def _model_file(fields: "_Fields") -> ModelFile:
    return ModelFile(fields.text("sha256"), fields.whole("bytes"))


def _model_input(fields: "_Fields") -> ModelInput:
    low, high = fields.exactly("range", [0, 255])
    return ModelInput(
        name=fields.text("name"),
        size=fields.whole("size"),
        dtype=fields.exactly("dtype", "uint8"),
        range=(low, high),
        channels=fields.exactly("channels", "RGB"),
        corrects_exposure=fields.flag("corrects_exposure"),
    )


def _model_outputs(fields: "_Fields") -> ModelOutputs:
    return ModelOutputs(
        probabilities=fields.text("probabilities"),
        class_activation_maps=fields.text("class_activation_maps", optional=True),
        unfamiliarity=fields.text("unfamiliarity", optional=True),
        phone=fields.text("phone", optional=True),
        lesion_map=fields.text("lesion_map", optional=True),
    )


def _thresholds_by_kind(fields: "_Fields") -> Mapping[PhotoKind, Thresholds]:
    group = fields.group("thresholds")
    if any(group.has(kind) for kind in PhotoKind):
        found = {kind: _thresholds(group.group(kind)) for kind in PhotoKind}
    else:
        found = dict(same_for_all(_thresholds(group)))
    measured = fields.group("outputs").text("unfamiliarity", optional=True)
    if measured is None and any(each.unusual is not None for each in found.values()):
        raise ContractError("the thresholds limit the unfamiliarity, but no output of the model holds it")
    return found


def _kind_limits(fields: "_Fields") -> KindLimits | None:
    if not fields.has("kind_limits"):
        return None
    if fields.group("outputs").text("phone", optional=True) is None:
        raise ContractError("kind_limits divide the kinds of photo, but no output of the model tells them")
    group = fields.group("kind_limits")
    limits = KindLimits(group.number("dermatoscope"), group.number("phone"))
    if not 0 <= limits.dermatoscope <= limits.phone <= 1:
        raise ContractError("kind_limits must be 0 ≤ dermatoscope ≤ phone ≤ 1")
    return limits


def _malignancy_log_odds(fields: "_Fields") -> Mapping[PhotoKind, float]:
    if not fields.has("malignancy_log_odds"):
        return {}
    if not fields.has("kind_limits"):
        raise ContractError("malignancy_log_odds are of kinds of photo, but no kind_limits divide them")
    group = fields.group("malignancy_log_odds")
    return {PhotoKind(kind): group.number(kind) for kind in PhotoKind if group.has(kind)}


def _thresholds(fields: "_Fields") -> Thresholds:
    thresholds = Thresholds(
        fields.number("signs"),
        fields.number("unsure"),
        fields.number("melanoma", optional=True),
        fields.number("unusual", optional=True),
    )
    if not 0 < thresholds.unsure <= thresholds.signs < 1:
        raise ContractError("the thresholds must be 0 < unsure ≤ signs < 1")
    if thresholds.melanoma is not None and not 0 < thresholds.melanoma < 1:
        raise ContractError("the threshold melanoma must be between 0 and 1")
    return thresholds


def _details_by_kind(fields: "_Fields") -> Mapping[PhotoKind, DetailOffsets]:
    details = fields.group("details", optional=True)
    return {kind: _detail_offsets(details.group(kind)) for kind in PhotoKind if details.has(kind)}


def _detail_offsets(fields: "_Fields") -> DetailOffsets:
    age = fields.group("age", optional=True)
    knots: tuple[float, ...] = ()
    offsets: tuple[tuple[float, ...], ...] = ()
    if fields.has("age"):
        knots, offsets = age.numbers("knots"), age.numbers_per_class("offsets")
        if len(knots) != len(offsets) or any(low >= high for low, high in pairwise(knots)):
            raise ContractError("the age of details needs ascending knots, and offsets for each of them")
    groups = {name: fields.group(name, optional=True) for name in ("sex", "site")}
    by_name = {
        name: {each: group.per_class(each) for each in group.names()} for name, group in groups.items()
    }
    return DetailOffsets(knots, offsets, by_name["sex"], by_name["site"])


def _gate(fields: "_Fields") -> Gate:
    gate = fields.group("gate", optional=True)
    limits = {each.name: gate.number(each.name, optional=True) for each in dataclasses.fields(Gate)}
    outputs = fields.group("outputs")
    if limits["unfamiliarity"] is not None and outputs.text("unfamiliarity", optional=True) is None:
        raise ContractError("the gate limits the unfamiliarity, but no output of the model holds it")
    on_map = limits["beside"] is not None or limits["sureness"] is not None
    if on_map and outputs.text("lesion_map", optional=True) is None:
        raise ContractError(
            "the gate limits how many spots there are, but no output of the model holds a map"
        )
    return Gate(**limits)


class _Fields:
    """An object of the contract, read field by field so that an error can name its field."""

    def __init__(self, content: Mapping[str, Any], prefix: str = "") -> None:
        self._content, self._prefix = content, prefix

    def names(self) -> tuple[str, ...]:
        return tuple(self._content)

    def has(self, name: str) -> bool:
        return self._content.get(name) is not None

    def text(self, name: str, optional: bool = False) -> Any:
        return self._get(name, "a text", lambda value: isinstance(value, str) and value != "", optional)

    def texts(self, name: str) -> tuple[str, ...]:
        value = self._get(name, "a list of texts", lambda value: _is_list(value, str))
        return tuple(value)

    def whole(self, name: str) -> Any:
        return self._get(name, "a whole number above 0", lambda value: type(value) is int and value > 0)

    def flag(self, name: str) -> bool:
        return bool(self._get(name, "true or false", lambda value: type(value) is bool, optional=True))

    def number(self, name: str, optional: bool = False) -> Any:
        value = self._get(name, "a number", _is_number, optional)
        return None if value is None else float(value)

    def per_class(self, name: str) -> tuple[float, ...]:
        return tuple(map(float, self._get(name, f"a list of {len(CLASSES)} numbers", _is_per_class)))

    def numbers(self, name: str) -> tuple[float, ...]:
        def fits(value: Any) -> bool:
            return _is_list(value, object) and value and all(map(_is_number, value))

        return tuple(map(float, self._get(name, "a list of numbers", fits)))

    def numbers_per_class(self, name: str) -> tuple[tuple[float, ...], ...]:
        def fits(value: Any) -> bool:
            return _is_list(value, list) and all(map(_is_per_class, value))

        rows = self._get(name, f"a list of lists of {len(CLASSES)} numbers", fits)
        return tuple(tuple(map(float, row)) for row in rows)

    def exactly(self, name: str, expected: Any) -> Any:
        return self._get(name, str(expected), lambda value: value == expected)

    def group(self, name: str, optional: bool = False) -> "_Fields":
        value = self._get(name, "an object", lambda value: isinstance(value, dict), optional)
        return _Fields(value or {}, f"{self._prefix}{name}.")

    def _get(self, name: str, requirement: str, fits: Any, optional: bool = False) -> Any:
        value = self._content.get(name)
        if value is None and optional:
            return None
        if name not in self._content:
            raise ContractError(f"the field {self._prefix}{name} is missing")
        if not fits(value):
            raise ContractError(f"the field {self._prefix}{name} must be {requirement}")
        return value


def _is_number(value: Any) -> bool:
    return type(value) in (int, float) and math.isfinite(value)  # type(): True is an int, but no number


def _is_list(value: Any, kind: type) -> bool:
    return isinstance(value, list) and all(isinstance(item, kind) for item in value)


def _is_per_class(value: Any) -> bool:
    return _is_list(value, object) and len(value) == len(CLASSES) and all(map(_is_number, value))
