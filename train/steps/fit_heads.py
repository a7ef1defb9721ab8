"""Fits the heads (:mod:`train.network.heads`) and the unfamiliarity score, and chooses the score's limits."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from train.datasets.augment import random_view
from train.datasets.dataset import Subset, load_frames, true_centre_square
from train.datasets.frames import in_true_aspect
from train.datasets.masks import Masks
from train.datasets.negatives import KINDS, negatives
from train.evaluation.gate import BARE_SIDES, bare_skin
from train.network.familiarity import Scale, Unfamiliarity, fit_familiarity
from train.network.heads import LogisticHead, fit_head
from train.network.served import Heads
from train.steps.fit_lesion_map import lesion_map_of
from webapp.model.labels import CLASSES
from webapp.photo.imaging import correct_exposure, model_input

# Embeddings of training photos: fitted to 1,753 of them the heads refuse 98 % of unseen nails and everyday
# photos and 0.4 % of ISIC 2017's, and four views of all 7,011 take four minutes.
FAMILIAR_PHOTOS: Final = 1500
# Views of each phone or everyday photo, of which there are few.
VIEWS_OF_FEW: Final = 3
OTHER_DERMOSCOPY_PHOTOS: Final = 1000
"""Of each other collection, to fit to. Without any, 6 % of ISIC 2017's photos were taken for a phone's and
26 % left in doubt (with them 1 % and 12 %), and 3 % of other collections' photos were refused (1 %)."""
OTHER_DERMOSCOPY_VAL: Final = 500
MOST_OF_ANOTHER: Final = OTHER_DERMOSCOPY_PHOTOS + OTHER_DERMOSCOPY_VAL
RENDERED_OF_EACH_KIND: Final = 40
# Shares of validation photos that each measure must accept; both together a little less.
ACCEPT_DERMOSCOPY: Final = 0.995
ACCEPT_PHONE: Final = 0.985
ACCEPT_OTHER: Final = 0.985
# Where on validation a photo stops being usual. Of other collections' melanomas that are told "no signs" the
# head of the unusual finds two to three times as many as the distance among a twentieth of the photos at
# home, so the distance has a say in the last hundredth alone.
USUAL_OUTLIER: Final = 0.95
USUAL_DISTANCE: Final = 0.99
REFUSED_AT_LEAST: Final = 0.01
"""Share of the held-out outliers beyond which the limit may lie."""
BARE_SKIN_PHOTOS: Final = 700
"""Whose margins are shown to the outlier head: skin alone is no spot. Not every one has room for that."""

Network = Callable[[np.ndarray], dict[str, np.ndarray]]
"""From ``uint8 (count, size, size, 3)`` to the outputs of :func:`train.network.served.build_served_model`."""


@dataclass(frozen=True)
class PhotoSets:
    """What the heads are fitted to besides HAM10000, all optional: without it the head is left out."""

    phone_train: Subset | None = None
    phone_val: Subset | None = None
    natural: Subset | None = None
    masks: Masks | None = None
    dermoscopy: tuple[Subset, ...] = ()
    """Other collections, of which every fourth photo chooses limits and the rest are fitted to."""
    nails: Subset | None = None
    elsewhere: tuple[Subset, ...] = ()
    """Photos through dermatoscopes of other collections that no network learned from: the limits of the
    answers are chosen on the worst of them."""


@dataclass(frozen=True)
class Embedded:
    """Embeddings ``(count, 1280)`` of training views and of validation photos."""

    dermoscopy: np.ndarray
    dermoscopy_classes: np.ndarray
    home: np.ndarray
    """``bool (count,)``: which of ``dermoscopy`` are HAM10000's."""
    dermoscopy_val: np.ndarray
    other_val: np.ndarray
    phone: np.ndarray
    phone_val: np.ndarray
    outliers: np.ndarray
    outliers_val: np.ndarray


def plain_views(subset: Subset, size: int) -> np.ndarray:
    """Returns photos as the app shows them to the network, ``uint8 (count, size, size, 3)``."""
    views = [
        correct_exposure(
            model_input(image, size, true_centre_square(image.width, image.height, record.aspect))
        )
        for record, image in subset.images()
    ]
    return np.stack(views)


def random_views(subset: Subset, size: int, each: int, seed: int) -> np.ndarray:
    """Returns augmented views: no head may go by how sharp or how coloured a collection is."""
    frames, rng = load_frames([subset], max(size, 224)), np.random.default_rng(seed)
    views = [
        correct_exposure(random_view(pixels, float(aspect), size, rng))
        for pixels, aspect in zip(frames.pixels, frames.aspects, strict=True)
        for _ in range(each)
    ]
    return np.stack(views)


def fit_heads(
    network: Network,
    train: Subset,
    val: np.ndarray,
    size: int,
    others: PhotoSets,
    closer: Network,
    phone_val: np.ndarray | None = None,
) -> tuple[Heads, dict[str, float]]:
    """Fits what the photos suffice for.

    Args:
        network: The network without heads.
        train: HAM10000's training part.
        val: Embeddings ``(count, 1280)`` of its validation part: they choose limits, and fit nothing.
        size: Side of the network's input in pixels.
        others: Phone photos, everyday photos, other dermatoscopes' photos and the lesions' masks.
        closer: The network with features.
        phone_val: Embeddings of the phone photos that choose limits.

    Returns:
        The heads, and validation figures of the limits.
    """
    embedded = _embed(network, train, val, size, others, phone_val)
    unfamiliarity, figures = fit_unfamiliarity(embedded)
    phone, lesion_map = None, None
    if len(embedded.phone):
        phone = _fit_phone(embedded)
        for name, embeddings, is_phone in (
            ("dermoscopy", embedded.dermoscopy_val, False),
            ("other_dermoscopy", embedded.other_val, False),
            ("phone", embedded.phone_val, True),
        ):
            if not len(embeddings):
                continue
            figures[f"val_kind_right_{name}"] = float(((phone.logits(embeddings) > 0) == is_phone).mean())
    if others.masks:
        lesion_map = lesion_map_of(closer, train, size, others.masks)
    return Heads(unfamiliarity, phone, lesion_map), figures


def _embed(
    network: Network,
    train: Subset,
    val: np.ndarray,
    size: int,
    others: PhotoSets,
    phone_val: np.ndarray | None,
) -> Embedded:
    def embed(views: Iterable[np.ndarray]) -> np.ndarray:
        return network(np.stack(list(views)))["embedding"]

    def embed_any(subset: Subset | None, views: Callable[[Subset], np.ndarray]) -> np.ndarray:
        return np.empty((0, 1280), np.float32) if subset is None else embed(views(subset))

    familiar = _some(train, FAMILIAR_PHOTOS)
    dermoscopy, classes = embed(random_views(familiar, size, 1, seed=0)), familiar.classes
    for other in others.dermoscopy:
        fitting = _some(_every_fourth(other, left_out=True), OTHER_DERMOSCOPY_PHOTOS)
        dermoscopy = np.concatenate([dermoscopy, embed(random_views(fitting, size, 1, seed=4))])
        known = [len(CLASSES) if r.dx is None else CLASSES.index(r.dx) for r in fitting.records]
        classes = np.concatenate([classes, known])
    home = np.arange(len(dermoscopy)) < len(familiar.records)
    rendered, rendered_val = (
        embed(
            correct_exposure(model_input(image, size))
            for kind in KINDS
            for image in negatives(kind, RENDERED_OF_EACH_KIND, seed)
        )
        for seed in (0, 500)
    )
    outliers, outliers_val = rendered, rendered_val
    for no_spots in (others.natural, others.nails):
        if no_spots is None:
            continue
        fitting = _every_fourth(no_spots, left_out=True)
        views = (random_views(fitting, size, VIEWS_OF_FEW, seed=1), plain_views(fitting, size))
        outliers = np.concatenate([outliers, *(embed(v) for v in views)])
        held_out = plain_views(_every_fourth(no_spots), size)
        outliers_val = np.concatenate([outliers_val, embed(held_out)])
    if others.masks:
        bare = [
            correct_exposure(model_input(image, size))
            for _, image in bare_skin(_some(train, BARE_SKIN_PHOTOS), others.masks, seed=1)
        ]
        if bare:
            outliers = np.concatenate([outliers, embed(bare)])
            # Margins are small crops, and soft: lesions of the same size keep that from telling them apart.
            masked = tuple(r for r in train.records if r.image_id in others.masks.members)
            close = _some(Subset(train.collection, masked), len(bare))
            dermoscopy = np.concatenate([dermoscopy, embed(_close_views(close, others.masks, size))])
            classes = np.concatenate([classes, close.classes])
            home = np.concatenate([home, np.ones(len(close.records), bool)])
    return Embedded(
        dermoscopy=dermoscopy,
        dermoscopy_classes=classes,
        home=home,
        dermoscopy_val=val,
        other_val=np.concatenate(
            [
                np.empty((0, 1280), np.float32),
                *(
                    embed(plain_views(_some(_every_fourth(other), OTHER_DERMOSCOPY_VAL), size))
                    for other in others.dermoscopy
                ),
            ]
        ),
        phone=embed_any(others.phone_train, lambda s: random_views(s, size, VIEWS_OF_FEW, seed=2)),
        phone_val=np.empty((0, 1280), np.float32) if phone_val is None else phone_val,
        outliers=outliers,
        outliers_val=outliers_val,
    )


def _close_views(subset: Subset, masks: Masks, size: int) -> Iterator[np.ndarray]:
    """Yields squares as small as :func:`~train.evaluation.gate.bare_skin`'s, on the lesion, not beside it."""
    rng = np.random.default_rng(3)
    for record, image, mask in masks.images(subset):
        frame = in_true_aspect(image, record.aspect)
        rows, columns = np.nonzero(mask) if mask.any() else np.nonzero(~mask)
        side = float(rng.choice(BARE_SIDES)) * min(frame.size)
        middles = (columns.mean() / mask.shape[1], rows.mean() / mask.shape[0])
        left, upper = (
            float(np.clip(middle * whole - side / 2, 0, whole - side))
            for middle, whole in zip(middles, frame.size, strict=True)
        )
        yield correct_exposure(model_input(frame, size, (left, upper, left + side, upper + side)))


def fit_unfamiliarity(embedded: Embedded) -> tuple[Unfamiliarity, dict[str, float]]:
    """Fits the measures and chooses their limits on validation.

    The distance's limit accepts what it must. The outlier head's lies half-way (in log-odds) between
    there and the most ordinary of the held-out outliers: photos from elsewhere need the room. The head of
    the unusual reaches its end where half of the held-out outliers lie.

    Returns:
        The score, and shares accepted and refused in validation.
    """
    home = embedded.dermoscopy[embedded.home]
    familiar = np.concatenate([home, embedded.phone])
    # Phone photos are one more class to be near to, and weigh as much as dermoscopy.
    phone_class = np.full(len(embedded.phone), embedded.dermoscopy_classes.max() + 1)
    distance = fit_familiarity(
        familiar, np.concatenate([embedded.dermoscopy_classes[embedded.home], phone_class])
    )
    outlier = _outlier_head((embedded.dermoscopy, embedded.phone), embedded.outliers)
    # Home alone is usual. Other collections, shown to this head, passed for usual, and the all-clear's limit
    # spared 37 % of the harmless at home, not 45 %.
    unusual = _outlier_head((home, embedded.phone), embedded.outliers)
    accepting = _least_limit(outlier.logits, embedded)
    refusing = float(np.quantile(outlier.logits(embedded.outliers_val), REFUSED_AT_LEAST))
    score = Unfamiliarity(
        distance,
        Scale(
            float(np.quantile(distance.score(embedded.dermoscopy_val), USUAL_DISTANCE)),
            _least_limit(distance.score, embedded),
        ),
        outlier,
        Scale(
            float(np.quantile(outlier.logits(embedded.dermoscopy_val), USUAL_DISTANCE)),
            (accepting + max(accepting, refusing)) / 2,
        ),
        unusual,
        Scale(
            float(np.quantile(unusual.logits(embedded.dermoscopy_val), USUAL_OUTLIER)),
            float(np.median(unusual.logits(embedded.outliers_val))),
        ),
    )
    shares = {
        "val_accepts_dermoscopy": (score.score(embedded.dermoscopy_val) <= 1).mean(),
        "val_refuses_outliers": (score.score(embedded.outliers_val) > 1).mean(),
        "val_refuses_outliers_by_distance": (
            distance.score(embedded.outliers_val) > score.distance_scale.limit
        ).mean(),
    }
    if len(embedded.other_val):
        shares["val_accepts_other_dermoscopy"] = (score.score(embedded.other_val) <= 1).mean()
    if len(embedded.phone_val):
        shares["val_accepts_phone"] = (score.score(embedded.phone_val) <= 1).mean()
    return score, {name: float(share) for name, share in shares.items()}


def _outlier_head(familiar: tuple[np.ndarray, ...], outliers: np.ndarray) -> LogisticHead:
    """Fits a head that tells outliers from the familiar; each part weighs the same."""
    parts = (*familiar, outliers)
    everything = np.concatenate(parts)
    return fit_head(
        everything,
        np.arange(len(everything)) >= len(everything) - len(outliers),
        np.concatenate([np.full(len(part), 1 / max(1, len(part))) for part in parts]),
    )


def _least_limit(measure: Callable[[np.ndarray], np.ndarray], embedded: Embedded) -> float:
    limit = float(np.quantile(measure(embedded.dermoscopy_val), ACCEPT_DERMOSCOPY))
    for embeddings, share in ((embedded.other_val, ACCEPT_OTHER), (embedded.phone_val, ACCEPT_PHONE)):
        if len(embeddings):
            limit = max(limit, float(np.quantile(measure(embeddings), share)))
    return limit


def _fit_phone(embedded: Embedded) -> LogisticHead:
    features = np.concatenate([embedded.dermoscopy, embedded.phone])
    return fit_head(features, np.arange(len(features)) >= len(embedded.dermoscopy))


def _every_fourth(subset: Subset, left_out: bool = False) -> Subset:
    """Returns every fourth photo, which fits nothing, or the others."""
    records = enumerate(subset.records)
    return Subset(subset.collection, tuple(r for i, r in records if (i % 4 == 3) is not left_out))


def _some(subset: Subset, count: int) -> Subset:
    return Subset(subset.collection, subset.records[:: -(-len(subset.records) // count)])
