"""Lets most convolutions of a LiteRT file compute with 8-bit integers.

Dynamic range quantisation: the weights of a convolution are rounded once to 8 bits a filter, its input for
each photo anew by the photo's own range, and the sums come out as floats. So no photos are needed to guess
ranges, and everything between these convolutions stays as it was: depthwise convolutions, residual sums, the
last layers, the heads.
"""

from pathlib import Path
from typing import Final

CONVOLUTIONS: Final = r".*(block([89]|\d\d)_expand|block(1[2-9]|2\d)_project|head_relu).*"
"""From block 8 of the backbone (``train.network.backbone``) on, but for the projections of blocks 8 to 11,
which do more harm than they save time: with them 1.1 % of validation's verdicts change, without .8 %, for
.3 of 7 ms (``train/LOG.md``)."""


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
