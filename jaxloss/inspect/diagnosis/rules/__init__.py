"""The rules of a diagnosis, one module per kind of cause; each yields findings about a `Trial`."""

from jaxloss.inspect.diagnosis.rules import (
    broadcasts,
    collapse,
    constants,
    contracts,
    errors,
    flat,
    gradients,
    inputs,
    intermediates,
    masks,
    padding,
    precision,
    scales,
    signs,
    terms,
)

__all__ = ["DIRECT", "INSIDE", "SIGNS"]

DIRECT = (*errors.RULES, *inputs.RULES, *contracts.RULES, *masks.RULES, *broadcasts.RULES, *padding.RULES)
"""What is wrong with the call: errors, inputs, masks and shapes."""
INSIDE = (*intermediates.RULES, *gradients.RULES, *flat.RULES)
"""Operations inside the loss that break or stop it; asked where the call itself does not explain it."""
SIGNS = (*precision.RULES, *signs.RULES, *collapse.RULES, *scales.RULES, *terms.RULES, *constants.RULES)
"""Signs of trouble in a loss that can be computed."""
