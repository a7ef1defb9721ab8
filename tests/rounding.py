"""How far the served file may differ from the Keras model that it was made from: as the bundle says."""

import json
from typing import Final

from webapp.model.bundle import BUNDLE_FOLDER


def _of(file: str, branch: str) -> dict:
    return json.loads((BUNDLE_FOLDER / file).read_text(encoding="utf-8"))[branch]


LARGEST: Final = _of("metrics.json", "agreement")["largest"]
"""The largest difference of any number of each output, over the whole test part."""
MEAN: Final = _of("contract.json", "rounding")["mean_malignancy_change"]
"""The mean absolute difference of the malignancy on validation."""
