"""How good the network is for whom: the same figures by age, sex, site, diagnosis method and skin type."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import numpy as np

from train.datasets.dataset import Record
from train.datasets.details import details_of
from train.evaluation.decisions import missed_figures, operating_figures
from train.evaluation.metrics import RESAMPLES, Scored, binary_figures, with_intervals

FEWEST: Final = 10
"""Fewer cancers or fewer harmless spots than this give no figure worth printing."""
FEWEST_FOR_A_PROMISE: Final = 50
"""Cancers in a group, below which a share of a few in a hundred cannot be told."""
UNKNOWN: Final = "unknown"
SKIN_TYPES: Final = {"1-2": ("1.0", "2.0"), "3-4": ("3.0", "4.0"), "5-6": ("5.0", "6.0")}
_AGES: Final = ((30, "under 30"), (45, "30–44"), (60, "45–59"), (75, "60–74"), (200, "75 and over"))

GroupOf = Callable[[Record], str]


def age_group(record: Record) -> str:
    """Returns the age group."""
    return UNKNOWN if record.age is None else next(name for end, name in _AGES if record.age < end)


def skin_type_group(record: Record) -> str:
    """Returns the pair of Fitzpatrick skin types."""
    return next((name for name, types in SKIN_TYPES.items() if record.skin_type in types), UNKNOWN)


def place(record: Record) -> str:
    """Returns the place on the body, by the names in which the app asks for it."""
    return details_of(record).site or UNKNOWN


def _plain(field: str) -> GroupOf:
    return lambda record: getattr(record, field).lower() or UNKNOWN


DERMOSCOPY_FACTORS: Final[Mapping[str, GroupOf]] = {
    "age": age_group,
    "sex": _plain("sex"),
    "site": place,
    "diagnosis_method": _plain("dx_type"),
}
PHONE_FACTORS: Final[Mapping[str, GroupOf]] = {
    "age": age_group,
    "sex": _plain("sex"),
    "site": place,
    "skin_type": skin_type_group,
}


def by_factor(
    scored: Scored, records: Sequence[Record], factors: Mapping[str, GroupOf], resamples: int = RESAMPLES
) -> dict[str, dict[str, Any]]:
    """Returns factor → group → figures; factors that are known of no photo are left out."""
    tree = {}
    for factor, group_of in factors.items():
        names = [group_of(record) for record in records]
        if set(names) != {UNKNOWN}:
            tree[factor] = _by_group(scored, names, factor in ("age", "skin_type"), resamples)
    return tree


def _by_group(scored: Scored, names: Sequence[str], in_order: bool, resamples: int) -> dict[str, Any]:
    order = [name for _, name in _AGES] + list(SKIN_TYPES)
    counted = Counter(names)
    known = sorted(counted, key=lambda name: order.index(name) if in_order and name in order else 99)
    if not in_order:
        known = [name for name, _ in counted.most_common()]
    known.sort(key=lambda name: name == UNKNOWN)
    membership = np.array(names)
    return {name: group_figures(scored.take(membership == name), resamples) for name in known}


def group_figures(part: Scored, resamples: int = RESAMPLES) -> dict[str, Any]:
    """Returns photos, cancers, malignancy AUC, sensitivity and specificity of ``signs``, and who ends in
    "no signs": ``missed`` of the cancers and ``spared`` of the harmless.

    A figure is ``None`` where too few photos would have to tell it.
    """
    cancers = int(part.malignant.sum())
    tree: dict[str, Any] = {
        "images": len(part),
        "cancers": cancers,
        "malignancy_auc": None,
        "sensitivity": None,
        "specificity": None,
        "missed": None,
        "spared": None,
    }
    enough = {"sensitivity": cancers >= FEWEST, "specificity": len(part) - cancers >= FEWEST}
    if any(enough.values()):
        found = with_intervals(part, operating_figures("signs"))
        tree |= {name: found[name] for name, is_enough in enough.items() if is_enough}
    if part.refused is not None and cancers >= FEWEST_FOR_A_PROMISE and enough["specificity"]:
        tree |= with_intervals(part, missed_figures)
    if all(enough.values()):
        tree |= with_intervals(part, binary_figures, resamples)
    return tree
