"""What fine-tuning learns from: random views of photos, or tokens that frozen blocks made of them once.

Tokens cost a quarter of the work below the blocks that learn only once, and a quarter of it in them, since
patches are merged two by two: 35 photos a second on two cores where views through all blocks take 3.
"""

import math
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final, Protocol

import numpy as np
import torch
from torch import nn

from train.datasets.augment import random_view
from train.datasets.dataset import Subset, load_frames
from train.datasets.frames import seen_square
from train.network.clip import (
    BLOCKS,
    CHANNELS,
    MERGED,
    SIZE,
    ImageTower,
    LastBlocks,
    load_tower,
    normalised,
)
from webapp.model.labels import CLASSES
from webapp.photo.imaging import model_input

FRAME_SIZE: Final = 288
TURNS: Final = 4
PART: Final = 512
BATCH: Final = 32
DROPPED: Final = 0.25
"""Share of the patches that a batch does not show (Liu et al. 2023, "PatchDropout", arXiv:2208.07220)."""
DROPOUT: Final = 0.3


class Material(Protocol):
    """The photos of some subsets, one after the other, as a network sees them."""

    def network(self) -> nn.Module:
        """Builds a network that begins where the tower stands; its last layer is called ``head``."""

    def batches(self, drawn: np.ndarray, seed: tuple[int, ...]) -> Iterator[torch.Tensor]:
        """Yields what each row of photo indices, ``(steps, batch)``, looks like this time."""

    def chances(self, network: nn.Module, asked: np.ndarray) -> np.ndarray:
        """Returns what a network says of photos by their indices, ``float32 (count, 7)``."""


class Views:
    """Random views for all blocks; asked about the centre square in four turns."""

    def __init__(self, subsets: Sequence[Subset], weights: Path, device: torch.device) -> None:
        self._weights, self._device = weights, device
        self._frames = load_frames(subsets, FRAME_SIZE)
        self._squares = np.concatenate([_squares(subset) for subset in subsets])

    def network(self) -> nn.Module:
        return Tuned(load_tower(self._weights))

    def batches(self, drawn: np.ndarray, seed: tuple[int, ...]) -> Iterator[torch.Tensor]:
        """Yields normalised views, made by threads while the network is busy."""
        frames = self._frames

        def view(step: int, place: int) -> np.ndarray:
            rng = np.random.default_rng((*seed, step, place))
            index = int(drawn[step, place])
            return random_view(frames.pixels[index], float(frames.aspects[index]), SIZE, rng)

        with ThreadPoolExecutor(max(1, (os.cpu_count() or 2) - 1)) as threads:
            waiting = []
            for step in range(len(drawn) + 2):
                if step < len(drawn):
                    waiting.append([threads.submit(view, step, place) for place in range(drawn.shape[1])])
                if step >= 2:
                    yield normalised(np.stack([each.result() for each in waiting.pop(0)]))

    def chances(self, network: nn.Module, asked: np.ndarray) -> np.ndarray:
        found = [np.zeros((0, len(CLASSES)), np.float32)]
        with torch.inference_mode(), torch.autocast(self._device.type, torch.bfloat16):
            for start in range(0, len(asked), BATCH):
                views = normalised(self._squares[asked[start : start + BATCH]]).to(self._device)
                turned = [
                    network(torch.rot90(views, turn, (2, 3))).float().softmax(1) for turn in range(TURNS)
                ]
                found.append(torch.stack(turned).mean(0).cpu().numpy())
        return np.concatenate(found)


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


class Tokens:
    """Tokens for the last blocks: the grid of patches is turned, mirrored and thinned out as they learn."""

    def __init__(self, tokens: np.ndarray, weights: Path, device: torch.device, blocks: int) -> None:
        self._tokens, self._weights, self._device, self._blocks = tokens, weights, device, blocks

    def network(self) -> nn.Module:
        return LastBlocks(load_tower(self._weights), self._blocks, len(CLASSES), DROPOUT)

    def batches(self, drawn: np.ndarray, seed: tuple[int, ...]) -> Iterator[torch.Tensor]:
        rng, side = np.random.default_rng(seed), math.isqrt(MERGED - 1)
        kept = round((MERGED - 1) * (1 - DROPPED))
        for indices in drawn:
            tokens = torch.from_numpy(self._tokens[indices]).float()
            grid = tokens[:, 1:].unflatten(1, (side, side))
            if rng.random() < 0.5:
                grid = grid.flip(2)
            patches = torch.rot90(grid, int(rng.integers(TURNS)), (1, 2)).flatten(1, 2)
            yield torch.cat([tokens[:, :1], patches[:, rng.permutation(MERGED - 1)[:kept]]], 1)

    def chances(self, network: nn.Module, asked: np.ndarray) -> np.ndarray:
        found = [np.zeros((0, len(CLASSES)), np.float32)]
        with torch.inference_mode(), torch.autocast(self._device.type, torch.bfloat16):
            for start in range(0, len(asked), BATCH):
                batch = torch.from_numpy(self._tokens[asked[start : start + BATCH]]).float()
                found.append(network(batch.to(self._device)).float().softmax(1).cpu().numpy())
        return np.concatenate(found)


def make_tokens(
    subsets: Sequence[Subset], weights: Path, device: torch.device, blocks: int, folder: Path
) -> np.ndarray:
    """Makes what the blocks below the last ``blocks`` see in the centre square of each photo.

    Written in parts of 512 photos, 77 kB a photo, so a run that is begun again goes on where it stopped.

    Returns:
        ``float16 (count, MERGED, 768)``.
    """
    towers: list[ImageTower] = []
    parts = []
    for number, subset in enumerate(subsets):
        for start in range(0, len(subset.records), PART):
            file = folder / f"tokens-{number}-{subset.collection.name}-{start:05d}.npy"
            if not file.is_file():
                towers = towers or [load_tower(weights).to(device, torch.bfloat16)]
                part = Subset(subset.collection, subset.records[start : start + PART])
                partial = file.with_name(f"partial-{file.name}")
                np.save(partial, _tokens(_squares(part), towers[0], BLOCKS - blocks, device))
                os.replace(partial, file)
            parts.append(np.load(file))
    return np.concatenate(parts)


def _tokens(squares: np.ndarray, tower: ImageTower, blocks: int, device: torch.device) -> np.ndarray:
    found = []
    with torch.inference_mode():
        for start in range(0, len(squares), BATCH):
            views = normalised(squares[start : start + BATCH]).to(device, torch.bfloat16)
            found.append(tower.merged_tokens(views, blocks).cpu().float().numpy().astype(np.float16))
    return np.concatenate(found)


def _squares(subset: Subset) -> np.ndarray:
    views = [model_input(image, SIZE, seen_square(image, record.aspect)) for record, image in subset.images()]
    return np.stack(views)
