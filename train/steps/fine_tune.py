"""Teachers whose own layers have learned: CLIP ViT-B/16 fine-tuned in five folds, in PyTorch.

What :mod:`train.steps.teach` does with fixed features, in hours of two cores or minutes of one GPU. Each
fold's answers are written as soon as they are there, so a run that is begun again goes on with the next fold.
"""

import os
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import torch
from torch import nn

from train.datasets.augment import random_view
from train.datasets.dataset import Frames, Record, Subset, class_index, load_frames
from train.datasets.frames import seen_square
from train.network.clip import BLOCKS, CHANNELS, SIZE, ImageTower, load_tower, normalised
from train.steps.teach import FOLDS, fold_of
from webapp.model.labels import CLASSES
from webapp.photo.imaging import model_input

TURNS: Final = 4
HEAD_RATE: Final = 20.0
"""How much faster the new last layer learns than what is already trained."""
PHOTOS_A_SECOND: Final = {"cuda": 600, "cpu": 3}


@dataclass(frozen=True)
class Tuning:
    """How a fold is trained. The last ``blocks`` of twelve learn, the rest stays as it is."""

    epochs: int = 6
    batch_size: int = 64
    learning_rate: float = 2e-5
    weight_decay: float = 0.05
    label_smoothing: float = 0.05
    blocks: int = BLOCKS
    frame_size: int = 288
    workers: int = max(1, (os.cpu_count() or 2) - 1)
    seed: int = 0


class Tuned(nn.Module):
    """The tower with a layer that names the seven classes."""

    def __init__(self, tower: ImageTower) -> None:
        super().__init__()
        self.tower, self.norm, self.head = (
            tower,
            nn.LayerNorm(CHANNELS, elementwise_affine=False),
            nn.Linear(CHANNELS, len(CLASSES)),
        )
        nn.init.zeros_(self.head.weight)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Maps normalised images ``(batch, 3, 224, 224)`` to logits ``float32 (batch, 7)``."""
        return self.head(self.norm(self.tower(x)).float())


def fine_tune(
    taught: Sequence[Subset], untaught: Sequence[Subset], weights: Path, folder: Path, tuning: Tuning
) -> dict[str, np.ndarray]:
    """Fine-tunes five networks and returns what each says of the photos that it was not shown.

    Args:
        taught: Photos with a diagnosis, which teach in four folds of five.
        untaught: Photos that none is shown; they get the mean of all five.
        weights: The tower's file (:func:`train.network.clip.weights_file`).
        folder: Where each fold's answers go.
        tuning: How.

    Returns:
        By ``image_id`` the chances of the seven classes, ``float32 (7,)``.
    """
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    learned = [record for subset in taught for record in subset.records]
    others = [record for subset in untaught for record in subset.records]
    shown = FOLDS * tuning.epochs * len(learned) * (FOLDS - 1) / FOLDS
    minutes = shown / PHOTOS_A_SECOND[device.type] / 60
    print(f"{FOLDS} folds on the {device.type}: about {max(1, round(minutes))} minutes", flush=True)
    folder.mkdir(parents=True, exist_ok=True)
    frames = load_frames(taught, tuning.frame_size)
    plain = [_squares(subset) for subset in (*taught, *untaught)]
    squares = np.concatenate(plain)
    answers = np.zeros((len(learned), len(CLASSES)), np.float32)
    means = np.zeros((len(others), len(CLASSES)), np.float32)
    folds = np.array([fold_of(record) for record in learned])
    for fold in range(FOLDS):
        file = folder / f"fold-{fold}.npz"
        if not file.is_file():
            network = _trained(frames, learned, np.flatnonzero(folds != fold), weights, tuning, device, fold)
            asked = np.concatenate([np.flatnonzero(folds == fold), len(learned) + np.arange(len(others))])
            partial = file.with_name(f"partial-{file.name}")
            np.savez(partial, chances=_chances(network, squares[asked], tuning.batch_size, device))
            os.replace(partial, file)
        with np.load(file) as saved:
            chances = saved["chances"]
        own = int((folds == fold).sum())
        answers[folds == fold] = chances[:own]
        means += chances[own:] / FOLDS
    return dict(zip((r.image_id for r in (*learned, *others)), np.concatenate([answers, means]), strict=True))


def _squares(subset: Subset) -> np.ndarray:
    views = [model_input(image, SIZE, seen_square(image, record.aspect)) for record, image in subset.images()]
    return np.stack(views)


def _trained(
    frames: Frames,
    records: Sequence[Record],
    shown: np.ndarray,
    weights: Path,
    tuning: Tuning,
    device: torch.device,
    fold: int,
) -> Tuned:
    torch.manual_seed(tuning.seed + fold)
    network = Tuned(load_tower(weights)).to(device)
    network.tower.requires_grad_(tuning.blocks == BLOCKS)
    for block in list(network.tower.blocks)[BLOCKS - tuning.blocks :]:
        block.requires_grad_(True)
    body = [each for each in network.tower.parameters() if each.requires_grad]
    optimizer = torch.optim.AdamW(
        [
            {"params": body, "lr": tuning.learning_rate},
            {"params": network.head.parameters(), "lr": HEAD_RATE * tuning.learning_rate},
        ],
        weight_decay=tuning.weight_decay,
        fused=True,
    )
    classes = np.array([class_index(record) for record in records])
    # As the student's: a class of n photos is drawn in proportion to its square root.
    odds = np.bincount(classes[shown], minlength=len(CLASSES))[classes[shown]] ** -0.5
    rng = np.random.default_rng((tuning.seed, fold))
    steps = max(1, tuning.epochs * len(shown) // tuning.batch_size)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, [group["lr"] for group in optimizer.param_groups], total_steps=steps + 1, pct_start=0.1
    )
    drawn = rng.choice(shown, (steps, tuning.batch_size), p=odds / odds.sum())
    began, total = time.monotonic(), 0.0
    network.train()
    for step, views in enumerate(_views(frames, drawn, tuning, fold)):
        targets = torch.from_numpy(classes[drawn[step]]).to(device)
        with torch.autocast(device.type, torch.bfloat16):
            logits = network(normalised(views).to(device))
        loss = nn.functional.cross_entropy(logits.float(), targets, label_smoothing=tuning.label_smoothing)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        total += float(loss)
    rate = steps * tuning.batch_size / (time.monotonic() - began)
    print(f"fold {fold}: mean loss {total / steps:.3f}, {rate:.1f} photos/s", flush=True)
    return network.eval()


def _views(frames: Frames, drawn: np.ndarray, tuning: Tuning, fold: int) -> Iterator[np.ndarray]:
    """Yields random views of each row of indices, made by threads while the network is busy."""

    def view(step: int, place: int) -> np.ndarray:
        rng = np.random.default_rng((tuning.seed, fold, step, place))
        index = int(drawn[step, place])
        return random_view(frames.pixels[index], float(frames.aspects[index]), SIZE, rng)

    with ThreadPoolExecutor(tuning.workers) as threads:
        waiting = []
        for step in range(len(drawn) + 2):
            if step < len(drawn):
                waiting.append([threads.submit(view, step, place) for place in range(drawn.shape[1])])
            if step >= 2:
                yield np.stack([each.result() for each in waiting.pop(0)])


def _chances(network: Tuned, squares: np.ndarray, batch: int, device: torch.device) -> np.ndarray:
    """Returns the mean chances over four turns, ``float32 (count, 7)``."""
    found = []
    with torch.inference_mode(), torch.autocast(device.type, torch.bfloat16):
        for start in range(0, len(squares), batch):
            views = normalised(squares[start : start + batch]).to(device)
            turned = [network(torch.rot90(views, turn, (2, 3))).float().softmax(1) for turn in range(TURNS)]
            found.append(torch.stack(turned).mean(0).cpu().numpy())
    return np.concatenate(found) if found else np.zeros((0, len(CLASSES)), np.float32)
