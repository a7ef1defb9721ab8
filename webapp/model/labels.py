"""The seven diagnoses of HAM10000: their order, and which of them count as cancer.

The order is part of the model's contract: column *i* of every probability array in this
project belongs to ``CLASSES[i]``.
"""

from typing import Final

CLASSES: Final = ("akiec", "bcc", "bkl", "df", "mel", "nv", "vasc")
"""HAM10000's ``dx`` codes in alphabetical order."""

MALIGNANT: Final = frozenset({"akiec", "bcc", "mel"})
"""``akiec`` (actinic keratosis, Bowen's disease, and squamous cell carcinoma where a collection has it) is
counted as cancer because part of it is or turns into squamous cell carcinoma and all of it needs a doctor."""

MALIGNANT_INDICES: Final = tuple(i for i, dx in enumerate(CLASSES) if dx in MALIGNANT)
