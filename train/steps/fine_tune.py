"""Teachers whose own layers have learned: CLIP ViT-B/16 fine-tuned in folds, in PyTorch.

All of its blocks learn from random views where there is a GPU; on two cores the last few learn from what the
blocks below, which stay as they are, once made of each photo (:mod:`train.steps.tuning_material`). Each
fold's answers are written as soon as they are there, so a run that is begun again goes on with the next fold.
"""

import dataclasses
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import torch
from torch import nn

from train.datasets.dataset import Record, Subset, class_index
from train.network.clip import BLOCKS
from train.steps.run_folder import fingerprint, remember
from train.steps.teach import FOLDS, fold_of
from train.steps.tuning_material import Material, Tokens, Views, make_tokens
from webapp.model.labels import CLASSES

HEAD_RATE: Final = 20.0
"""How much faster the new last layer learns than what is already trained."""
LABEL_SMOOTHING: Final = 0.05
PHOTOS_A_SECOND: Final = {("cuda", True): 600, ("cuda", False): 5000, ("cpu", True): 3, ("cpu", False): 35}
"""By device, and whether all blocks learn: measured on two cores with bfloat16, guessed for a GPU."""
TOKENS_A_SECOND: Final = {"cuda": 1000, "cpu": 15}


@dataclass(frozen=True)
class Tuning:
    """How a fold is trained. The last ``blocks`` of twelve learn, the rest stays as it is.

    Weights lose ``weight_decay`` of themselves a step, normalisations and biases nothing.
    """

    blocks: int = 4
    folds: int = FOLDS
    epochs: int = 3
    batch_size: int = 32
    learning_rate: float = 3e-5
    weight_decay: float = 0.05
    seed: int = 0


def fine_tune(
    taught: Sequence[Subset], untaught: Sequence[Subset], weights: Path, folder: Path, tuning: Tuning
) -> dict[str, np.ndarray]:
    """Fine-tunes one network a fold and returns what each says of the photos that it was not shown.

    Args:
        taught: Photos with a diagnosis, which teach in all folds but their own.
        untaught: Photos that no network is shown; they get the mean of all.
        weights: The tower's file (:func:`train.network.clip.weights_file`).
        folder: Where tokens and each fold's answers go.
        tuning: How.

    Returns:
        By ``image_id`` the chances of the seven classes, ``float32 (7,)``.

    Raises:
        FitError: The folder holds answers of another tuning or for other photos.
    """
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    learned = [record for subset in taught for record in subset.records]
    others = [record for subset in untaught for record in subset.records]
    whole = tuning.blocks == BLOCKS
    shown = (tuning.folds - 1) * tuning.epochs * len(learned)
    seconds = shown / PHOTOS_A_SECOND[device.type, whole]
    seconds += 0 if whole else (len(learned) + len(others)) / TOKENS_A_SECOND[device.type]
    print(
        f"{tuning.folds} folds on the {device.type}: about {max(1, round(seconds / 60))} minutes", flush=True
    )
    subsets = (*taught, *untaught)
    photos = {f"photos-{number}": fingerprint(subset) for number, subset in enumerate(subsets)}
    told = dataclasses.asdict(tuning) | photos | {"taught": len(taught)}
    remember(folder / "tuning.json", told, "fold-*.npz")
    material: Material
    if whole:
        material = Views(subsets, weights, device)
    else:
        tokens = make_tokens(subsets, weights, device, tuning.blocks, folder)
        material = Tokens(tokens, weights, device, tuning.blocks)
    answers = np.zeros((len(learned), len(CLASSES)), np.float32)
    means = np.zeros((len(others), len(CLASSES)), np.float32)
    folds = np.array([fold_of(record, tuning.folds) for record in learned])
    for fold in range(tuning.folds):
        file = folder / f"fold-{fold}.npz"
        own = np.flatnonzero(folds == fold)
        if not file.is_file():
            network = _trained(material, learned, np.flatnonzero(folds != fold), tuning, device, fold)
            asked = np.concatenate([own, len(learned) + np.arange(len(others))])
            partial = file.with_name(f"partial-{file.name}")
            np.savez(partial, chances=material.chances(network, asked))
            os.replace(partial, file)
        with np.load(file) as saved:
            chances = saved["chances"]
        answers[own] = chances[: len(own)]
        means += chances[len(own) :] / tuning.folds
    return dict(zip((r.image_id for r in (*learned, *others)), np.concatenate([answers, means]), strict=True))


def _trained(
    material: Material,
    records: Sequence[Record],
    shown: np.ndarray,
    tuning: Tuning,
    device: torch.device,
    fold: int,
) -> nn.Module:
    torch.manual_seed(tuning.seed + fold)
    network = material.network().to(device).train()
    optimizer = _optimizer(network, tuning)
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
    for indices, batch in zip(drawn, material.batches(drawn, (tuning.seed, fold)), strict=True):
        targets = torch.from_numpy(classes[indices]).to(device)
        with torch.autocast(device.type, torch.bfloat16):
            logits = network(batch.to(device))
        loss = nn.functional.cross_entropy(logits.float(), targets, label_smoothing=LABEL_SMOOTHING)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        total += loss.item()
    rate = steps * tuning.batch_size / (time.monotonic() - began)
    print(f"fold {fold}: mean loss {total / steps:.3f}, {rate:.1f} photos/s", flush=True)
    return network.eval()


def _optimizer(network: nn.Module, tuning: Tuning) -> torch.optim.AdamW:
    named = dict(network.named_parameters())
    head = [each for name, each in named.items() if name.startswith("head.")]
    body = [each for name, each in named.items() if not name.startswith("head.")]
    groups = [
        {"params": [each for each in body if each.ndim > 1]},
        {"params": [each for each in body if each.ndim == 1], "weight_decay": 0.0},
        {"params": head, "lr": HEAD_RATE * tuning.learning_rate},
    ]
    return torch.optim.AdamW(groups, tuning.learning_rate, weight_decay=tuning.weight_decay, fused=True)
