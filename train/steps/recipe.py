"""What decides how a network is trained, apart from the images."""

from dataclasses import dataclass
from typing import Final

from train.network.names import SEED_CNN, SEED_CNN_SIZE


@dataclass(frozen=True)
class Recipe:
    """Everything that decides what a run does, apart from the images."""

    model: str = "lite0"
    stages: tuple[tuple[int, int], ...] = ((128, 8), (160, 10))
    """(side of the crops in pixels, epochs) one after the other: small first costs half."""
    batch_size: int = 32
    learning_rate: float = 6e-4
    weight_decay: float = 0.02
    label_smoothing: float = 0.05
    # With 0.1, 0.2 and drop-connect 0.2 the network was still underfitted after 28 epochs (see LOG.md).
    dropout: float = 0.1
    drop_connect: float = 0.0
    ema_momentum: float = 0.998
    balance: float = 0.5
    """A class of n images is drawn in proportion to n ** (1 - balance)."""
    phone_share: float = 0.15
    """Share of smartphone photos among what the network sees, where there are any."""
    teacher_share: float = 0.0
    """How much of each target comes from a teacher and not from the label."""
    extra_share: float = 0.0
    """Share of photos of other collections, whose labels may say no more than malignant or not."""
    mixup: float = 0.0
    """Both parameters of the Beta distribution that says how much of an image is another one (Zhang et al.
    2018, arXiv:1710.09412); 0 mixes none."""
    frozen_stages: int = 0
    """How many of the backbone's seven stages, and the stem, stay as they were at the start. The first three
    hold 4 % of Lite0's weights and take half of a training step."""
    frame_size: int = 400
    """Side in pixels of the squashed frames in memory: 480 kB each. Of HAM10000's 600 × 450 a crop of 160 px
    from 64 % of the shorter side loses nothing."""
    folds: int = 0
    """Into how many folds validation falls, all of which teach but one (:mod:`train.steps.cross_fit`); 0 if
    none of it teaches."""
    fold: int = 0
    """The fold that does not, from 0."""
    validation_size: int = 192
    validate_every: int = 2
    seed: int = 0
    deterministic: bool = False

    @property
    def epochs(self) -> int:
        return sum(epochs for _, epochs in self.stages)

    def crop_size(self, epoch: int) -> int:
        """Returns the side in pixels of the crops of an epoch, counted from 0."""
        for size, epochs in self.stages:
            if epoch < epochs:
                return size
            epoch -= epochs
        raise ValueError("the recipe has no such epoch")


SEED_CNN_RECIPE: Final = Recipe(
    model=SEED_CNN, stages=((SEED_CNN_SIZE, 20),), learning_rate=1e-3, validation_size=SEED_CNN_SIZE
)
