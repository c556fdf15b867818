"""Legal inputs of any size for a public loss, drawn from what its docstring says of them."""

from jaxloss.benchmarks.inputs.drawing import Drawn, NoInputs, draw
from jaxloss.benchmarks.inputs.reading import Argument, arguments

__all__ = ["Argument", "Drawn", "NoInputs", "arguments", "draw"]
