"""Silent broadcasts of examples against examples."""

from __future__ import annotations

from collections.abc import Iterator

from jaxloss.inspect.diagnosis.report import Finding
from jaxloss.inspect.diagnosis.trial import Trial

__all__ = ["RULES"]


def pairs_of_examples(trial: Trial) -> Iterator[Finding]:
    """``[N]`` against ``[N, 1]``, which broadcasts to all pairs ``[N, N]``."""
    for promotion in trial.promotions:
        for low in promotion.shapes:
            if low and low[-1] > 1 and (*low, 1) in promotion.shapes:
                evidence = {"shapes": [list(shape) for shape in promotion.shapes]}
                where = f"{promotion.operation} at {promotion.line}"
                remedy = "write jnp.squeeze(x, -1) for the array [N, 1]; the losses of jaxloss refuse such a pair."
                yield Finding("broadcast", where, evidence, remedy)


RULES = (pairs_of_examples,)
