"""Lets most convolutions of a LiteRT file compute with 8-bit integers.

Dynamic range quantisation: the weights of a convolution are rounded once to 8 bits a filter, its input for
each photo anew by the photo's own range, and the sums come out as floats. So no photos are needed to guess
ranges, and everything between these convolutions stays as it was: depthwise convolutions, residual sums, the
last layers, the heads.
"""

from pathlib import Path
from typing import Final

CONVOLUTIONS: Final = r".*(block([89]|\d\d)_(expand|project)|head_relu).*"
"""From block 8 of the backbone (``train.network.backbone``) on. On 420 photos of three collections, a quarter
of them changed, rounding all blocks moved the malignancy by .013 and changed 5 % of the outcomes; from block
5 on it is .005 and 1.7 %, from block 8 on .003 and 1.4 %, all in the same time."""


def to_eight_bits(file: Path) -> None:
    """Rounds a LiteRT file in place.

    Args:
        file: What Keras exported, with 32-bit floats.

    Raises:
        ValueError: The file has none of these convolutions.
    """
    from ai_edge_quantizer.qtyping import TFLOperationName
    from ai_edge_quantizer.quantizer import Quantizer

    quantizer = Quantizer(file)
    quantizer.add_dynamic_config(CONVOLUTIONS, TFLOperationName.CONV_2D, 8)
    rounded = quantizer.quantize(enable_progress_bar=False, enable_progress_report=False).quantized_model
    if rounded is None or len(rounded) > 0.9 * file.stat().st_size:
        raise ValueError(f"{file} has no convolutions to round")
    file.write_bytes(rounded)
