"""What the networks are called; apart from them, because Keras takes seconds to import."""

from typing import Final

EFFICIENTNETS: Final = ("lite0", "lite1", "lite2")
SEED_CNN: Final = "seed-cnn"
"""The 3-layer CNN of the original write-up."""
SEED_CNN_SIZE: Final = 128
"""Side of its input in pixels."""
