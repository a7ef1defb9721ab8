"""What the served network computes, counted from its LiteRT file: ``python -m benchmarks.graph [FILE]``.

Multiply-accumulates do not depend on the machine's mood, so a test holds them to a budget.
"""

import math
import sys
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter, OpResolverType

from webapp.model.bundle import BUNDLE_FOLDER


def multiply_accumulates(file: Path) -> Counter[str]:
    """Counts the multiply-accumulates of one invocation, all views of one photo, by kind of operator.

    Convolutions and matrix products only: everything else adds or compares a value at a time.

    Args:
        file: A ``.tflite`` file that takes one photo.
    """
    # The file says 1 wherever a shape depends on the input's: the interpreter works out how many views it is.
    resolver = OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    interpreter = Interpreter(model_path=str(file), experimental_op_resolver_type=resolver)
    interpreter.allocate_tensors()
    shapes = {details["index"]: details["shape"] for details in interpreter.get_tensor_details()}
    model = schema.ModelT.InitFromPackedBuf(bytearray(file.read_bytes()), 0)
    names = {value: name for name, value in vars(schema.BuiltinOperator).items() if not name.startswith("_")}
    found: Counter[str] = Counter()
    for operator in model.subgraphs[0].operators:
        code = model.operatorCodes[operator.opcodeIndex]
        name = names[max(code.builtinCode, code.deprecatedBuiltinCode)]
        found[name] += _of_operator(name, operator, shapes)
    return +found


def _of_operator(name: str, operator: Any, shapes: Mapping[int, np.ndarray]) -> int:
    if name not in ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "BATCH_MATMUL"):
        return 0
    first, weights, result = (shapes[index].tolist() for index in (*operator.inputs[:2], operator.outputs[0]))
    if name == "CONV_2D":  # (filters, height, width, channels)
        each = math.prod(weights[1:])
    elif name == "DEPTHWISE_CONV_2D":  # (1, height, width, channels)
        each = math.prod(weights[1:3])
    else:  # as many as the inner side is long
        each = first[-1]
    return math.prod(result) * each


def main() -> int:
    """Prints the count of a file, of the shipped one if none is named."""
    file = Path(sys.argv[1]) if len(sys.argv) > 1 else BUNDLE_FOLDER / "model.tflite"
    found = multiply_accumulates(file)
    for name, count in found.most_common():
        print(f"{name.lower()}: {count / 1e6:,.1f} million")
    print(f"all: {found.total():,}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
