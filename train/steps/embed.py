"""What a large frozen network sees in each photo: features that the step teach learns from.

On two cores with bfloat16 matrix units about 10 photos a second, so 25 minutes for 14,000; on a GPU seconds.
Written in parts of 512 photos, so a run that is begun again goes on where it stopped.
"""

import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
import torch
from PIL import Image

from train.datasets.dataset import Record, Subset
from train.datasets.frames import seen_square
from train.network.clip import SIZE, ImageTower, load_tower, normalised, weights_file
from webapp.photo.imaging import model_input

PART: Final = 512
BATCH: Final = 32


def embed(subsets: Sequence[Subset], folder: Path) -> None:
    """Writes the features of photos, ``float16 (count, channels)`` with their ids, into ``folder``.

    The view is the centre square, as the app sees it unasked.
    """
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    total = sum(len(subset.records) for subset in subsets)
    rate = 1000 if device.type == "cuda" else 10
    print(
        f"{total} photos on the {device.type}: about {max(1, round(total / rate / 60))} minutes", flush=True
    )
    tower = load_tower(weights_file()).to(device, torch.bfloat16)
    folder.mkdir(parents=True, exist_ok=True)
    for subset in subsets:
        for start in range(0, len(subset.records), PART):
            file = folder / f"{subset.collection.name}-{start:05d}.npz"
            if not file.is_file():
                _write(file, Subset(subset.collection, subset.records[start : start + PART]), tower, device)


def _write(file: Path, part: Subset, tower: ImageTower, device: torch.device) -> None:
    began = time.monotonic()
    views = [_view(record, image) for record, image in part.images()]
    features = []
    with torch.inference_mode():
        for start in range(0, len(views), BATCH):
            batch = normalised(np.stack(views[start : start + BATCH])).to(device, torch.bfloat16)
            features.append(tower(batch).cpu().numpy().astype(np.float16))
    partial = file.with_name(f"partial-{file.stem}")
    with partial.open("wb") as stream:
        np.savez(
            stream,
            ids=np.array([record.image_id for record in part.records]),
            features=np.concatenate(features),
        )
    os.replace(partial, file)
    print(f"{file.name}: {len(views) / (time.monotonic() - began):.1f} photos/s", flush=True)


def _view(record: Record, image: Image.Image) -> np.ndarray:
    return model_input(image, SIZE, seen_square(image, record.aspect))
