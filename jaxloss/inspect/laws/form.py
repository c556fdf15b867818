"""What a loss looks like: its signature, its docstring, its example."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator

import jax
import jax.numpy as jnp
import numpy as np

import jaxloss
from jaxloss.inspect.calls import TAIL, generator, keyword_parameters
from jaxloss.inspect.case import Case
from jaxloss.inspect.examples import failures
from jaxloss.inspect.law import law

__all__ = ["docstring", "example_runs", "hypers_are_all_off_default", "signature"]

SECTIONS = ("Args:", "Returns:", "Raises:", "Example:", "Reference:")


@law()
def signature(case: Case) -> Iterator[str]:
    """Data first and required, then hyperparameters by keyword, then the common tail."""
    parameters = list(inspect.signature(case.fn).parameters.values())
    if [(p.name, p.default) for p in parameters[-3:]] != list(zip(TAIL, (None, None, "mean"), strict=True)):
        yield "the signature does not end in where=None, weights=None, reduction='mean'"
    if "axis_name" in [p.name for p in parameters] and (parameters[-4].name, parameters[-4].default) != (
        "axis_name",
        None,
    ):
        yield "axis_name=None is not the last argument before the tail"
    if any(p.kind not in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY) for p in parameters):
        yield "an argument is neither plain nor keyword-only"
    data = [p for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD]
    if any(p.default is not p.empty for p in data):
        yield "a data argument has a default"
    for name in {"axis", "from_logits"} & {p.name for p in parameters}:
        yield f"there is an argument {name}"
    names, drawn = [p.name for p in data][len(case.leading) :], list(case.draw(generator(), (2,)))
    if names != drawn:
        yield f"the data arguments are {names}, the Case draws {drawn}"


@law()
def hypers_are_all_off_default(case: Case) -> Iterator[str]:
    """The Case names every hyperparameter and moves it off its default, at the closed ends too."""
    parameters = keyword_parameters(case.fn)
    for chosen in (case.hypers, *case.ends):
        if set(parameters) != set(chosen):
            yield f"the hyperparameters are {sorted(parameters)}, the Case sets {sorted(chosen)}"
    for name, value in case.hypers.items():
        if name in parameters and np.array_equal(value, parameters[name].default):
            yield f"{name} is at its default"


@law()
def docstring(case: Case) -> Iterator[str]:
    """Formula, all sections, all arguments, a reference with a year and a link."""
    text = inspect.getdoc(case.fn) or ""
    missing = [section for section in SECTIONS if f"\n{section}" not in text]
    if missing:
        yield f"the docstring lacks the section {', '.join(missing)}"
        return
    if ".. math::" not in text:
        yield "the docstring lacks a formula"
    described = " ".join(re.findall(r"^    ([\w, ]+):", text.split("Args:")[1].split("Returns:")[0], re.M))
    undescribed = set(inspect.signature(case.fn).parameters) - set(re.split(r"[, ]+", described))
    if undescribed:
        yield f"undescribed arguments: {sorted(undescribed)}"
    reference = text.split("Reference:")[1]
    if not re.search(r"\(\d{4}\)", reference):
        yield "the reference has no year"
    if "https://" not in reference:
        yield "the reference has no link"


@law(full=True)
def example_runs(case: Case) -> Iterator[str]:
    """The example of the docstring gives what it says."""
    tries, found = failures(case.fn, case.name, {"jaxloss": jaxloss, "jax": jax, "jnp": jnp})
    if not tries:
        yield "the docstring lacks an example"
    yield from found
