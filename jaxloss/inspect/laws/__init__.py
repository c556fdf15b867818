"""The laws of a loss, by name: `LAWS`. Each is a function of a `Case` that returns what broke."""

from jaxloss.inspect.law import DoesNotApply, Law
from jaxloss.inspect.laws import (
    chunks,
    derivatives,
    digits,
    domain,
    eager,
    form,
    masks,
    misuse,
    precision,
    spreading,
    transformations,
    values,
)

__all__ = ["LAWS", "DoesNotApply", "Law"]

LAWS: dict[str, Law] = {
    member.name: member
    for module in (
        values,
        derivatives,
        masks,
        domain,
        precision,
        digits,
        spreading,
        chunks,
        transformations,
        eager,
        misuse,
        form,
    )
    for member in vars(module).values()
    if isinstance(member, Law)
}
"""Law by name, the likeliest to find a fault first."""
