"""The lesions' outlines, which dermatologists drew or checked (Tschandl et al. 2020)."""

import io
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from train.datasets.dataset import DatasetError, Record, Subset
from webapp.photo.imaging import Box

_OFFICIAL_SUFFIX = "_segmentation"  # ISIC_0024306_segmentation.png


@dataclass(frozen=True)
class Masks:
    """A zip of black and white pictures, white where the lesion is, and which image each belongs to."""

    archive: Path
    members: Mapping[str, str]

    def images(self, subset: Subset) -> Iterator[tuple[Record, Image.Image, np.ndarray]]:
        """Yields photos that have a mask, with it as ``bool (height, width)`` of the photo's size."""
        chosen = Subset(
            subset.collection, tuple(record for record in subset.records if record.image_id in self.members)
        )
        with zipfile.ZipFile(self.archive) as archive:
            for record, image in chosen.images():
                mask = Image.open(io.BytesIO(archive.read(self.members[record.image_id]))).convert("L")
                if mask.size != image.size:
                    mask = mask.resize(image.size, Image.Resampling.NEAREST)
                yield record, image, np.asarray(mask) > 127


def open_masks(path: Path) -> Masks:
    """Opens a zip with one PNG a photo, named like it or as in the official file.

    Raises:
        DatasetError: It is no such zip.
    """
    if not zipfile.is_zipfile(path):
        raise DatasetError(f"{path} is no zip of masks")
    with zipfile.ZipFile(path) as archive:
        members = {
            Path(name).stem.removesuffix(_OFFICIAL_SUFFIX): name
            for name in archive.namelist()
            if name.lower().endswith(".png")
        }
    if not members:
        raise DatasetError(f"{path} holds no PNG")
    return Masks(path, members)


@dataclass(frozen=True)
class Sums:
    """Sums over boxes of a mask in constant time (summed-area tables; Crow 1984).

    ``tables`` is ``(3, height + 1, width + 1)``: of the mask, and of it times x and times y.
    """

    tables: np.ndarray

    def over(self, boxes: np.ndarray) -> np.ndarray:
        """Returns area and moments in pixels, ``(3, count)``.

        Args:
            boxes: ``int (count, 4)``: left, upper, right and lower edge.
        """
        left, upper, right, lower = boxes.T
        t = self.tables
        return t[:, lower, right] - t[:, upper, right] - t[:, lower, left] + t[:, upper, left]


def sums_of(mask: np.ndarray) -> Sums:
    """Prepares a ``bool (height, width)`` mask."""
    y, x = np.mgrid[: mask.shape[0], : mask.shape[1]] + 0.5
    layers = np.stack([mask, mask * x, mask * y]).astype(np.float64)
    tables = np.zeros((3, mask.shape[0] + 1, mask.shape[1] + 1))
    tables[:, 1:, 1:] = layers.cumsum(axis=1).cumsum(axis=2)
    return Sums(tables)


def covered(mask: np.ndarray, box: Box) -> float:
    """Returns the share (0–1) of a mask's pixels whose middle lies in a box."""
    left, upper, right, lower = (round(edge) for edge in box)
    inside = mask[max(0, upper) : max(0, lower), max(0, left) : max(0, right)]
    return float(inside.sum() / mask.sum())
