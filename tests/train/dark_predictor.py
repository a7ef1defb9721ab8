"""A model whose answers follow from the pixels in a way that tests can reason about."""

import numpy as np
from PIL import Image

from tests.fakes import made_bundle
from webapp.model.labels import CLASSES
from webapp.model.predictor import Prediction
from webapp.photo.imaging import Box, model_input


class DarkPredictor:
    """The darker a photo, the likelier cancer; its map is how dark each place is.

    What is hardly darker or lighter than grey anywhere is unfamiliar to it.
    """

    def __init__(self, cells: int = 32) -> None:
        self.bundle, self.cells = made_bundle(), cells

    def predict(self, image: Image.Image, box: Box | None = None) -> Prediction:
        darkness = 1 - model_input(image, self.cells, box).mean(axis=2) / 255
        malignancy = float(darkness.mean())
        probabilities = np.zeros(len(CLASSES))
        probabilities[[CLASSES.index("mel"), CLASSES.index("nv")]] = malignancy, 1 - malignancy
        flat = darkness.std() < 0.01
        return Prediction(
            malignancy=malignancy,
            probabilities=tuple(probabilities),
            diagnosis="mel" if malignancy > 0.5 else "nv",
            activation_map=darkness.astype(np.float32),
            unfamiliarity=99.0 if flat else 1.0,
        )
