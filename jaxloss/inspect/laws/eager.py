"""Calls outside of a compiled function, as in a notebook: what is compiled for the first serves all later ones."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import Any

import jax
import numpy as np

from jaxloss.inspect.calls import cast, cast_hypers, generator, of_floats, settings
from jaxloss.inspect.case import Case
from jaxloss.inspect.law import law

__all__ = ["eager_calls_compile_once"]

_compiled: list[str] = []
"""One entry for every program that was compiled since `_listen`."""


@functools.cache
def _listen() -> None:
    def note(event: str, *_: Any, **__: Any) -> None:
        if "backend_compile" in event:
            _compiled.append(event)

    jax.monitoring.register_event_duration_secs_listener(note)


@law(full=True)
def eager_calls_compile_once(case: Case) -> Iterator[str]:
    """A second value and a second gradient of the same shapes compile nothing, with a mask and weights and without.

    A loop or a conditional outside of a compiled function is compiled again in every call, for a second, if it closes
    over arrays, and in every gradient if it does not.
    """
    _listen()
    batch = (2, 4)
    tail = {"where": np.resize(np.array([1, 1, 0, 1], bool), batch), "weights": generator().uniform(0.5, 2.0, batch)}
    for hypers in settings(case):
        for how, options in {"plain": {}, "masked": cast(tail, np.float32)}.items():
            inputs = cast(case.draw(generator(), batch), np.float32)
            fn, at = of_floats(case, inputs, **cast_hypers(hypers, np.float32), **options)
            for name, run in {"value": fn, **({"gradient": jax.grad(fn)} if at else {})}.items():
                run(at)
                before = len(_compiled)
                run(at)
                if again := len(_compiled) - before:
                    yield f"the second {name}, {how}, {dict(hypers)}: compiles {again} programs again"
