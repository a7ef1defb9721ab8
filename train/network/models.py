"""The two networks: the product's, and the one this project began with."""

import keras
from keras import layers

from train.network.backbone import build_backbone, load_imagenet_weights
from train.network.names import SEED_CNN_SIZE
from webapp.model.labels import CLASSES


def build_classifier(
    variant: str = "lite0", *, pretrained: bool = True, dropout: float = 0.0, drop_connect: float = 0.0
) -> keras.Model:
    """Builds the product's network for training.

    Args:
        variant: ``lite0``, ``lite1`` or ``lite2``.
        pretrained: Whether the backbone starts from ImageNet weights.
        dropout: Share of the embedding that is dropped in training.
        drop_connect: How often the last of the blocks is dropped in training.

    Returns:
        A model from RGB images ``(batch, height, width, 3)``, values 0–255 and any size, to
        logits ``(batch, 7)`` in the order of :data:`webapp.model.labels.CLASSES`.
    """
    backbone = build_backbone(variant, drop_connect)
    if pretrained:
        load_imagenet_weights(backbone)
    x = layers.GlobalAveragePooling2D(name="embedding")(backbone.output)
    x = layers.Dropout(dropout, name="dropout")(x)
    logits = layers.Dense(len(CLASSES), name="logits")(x)
    return keras.Model(backbone.input, logits, name=f"classifier_{variant}")


def build_seed_cnn() -> keras.Model:
    """Builds the 3-layer CNN of the original write-up, to the letter.

    Returns:
        A model from RGB images ``(batch, 128, 128, 3)`` scaled to 0–1, to the probability of
        cancer ``(batch, 1)``.
    """
    return keras.Sequential(
        [
            keras.Input((SEED_CNN_SIZE, SEED_CNN_SIZE, 3)),
            layers.Conv2D(32, 3, activation="relu"),
            layers.MaxPooling2D(2),
            layers.Conv2D(64, 3, activation="relu"),
            layers.MaxPooling2D(2),
            layers.Conv2D(128, 3, activation="relu"),
            layers.MaxPooling2D(2),
            layers.Flatten(),
            layers.Dense(128, activation="relu"),
            layers.Dense(1, activation="sigmoid"),
        ],
        name="seed_cnn",
    )
