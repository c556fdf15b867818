"""The kernels of the vocabulary head where no TPU is at hand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import pytest
from jax.experimental.pallas import tpu as pltpu

from jaxloss.language.projected import _kernels as kernels
from jaxloss.language.projected import _on_chip as on_chip
from jaxloss.language.projected._blocks import Grid


@pytest.fixture
def interpreted(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The kernels run by the interpreter, in small blocks, as if there were a TPU."""
    choose = jax.lax.platform_dependent

    def tpu_first(*args: Any, **forms: Callable[..., Any]) -> Any:
        return forms["tpu"](*args) if "tpu" in forms else choose(*args, **forms)

    monkeypatch.setattr(jax.lax, "platform_dependent", tpu_first)
    monkeypatch.setattr(on_chip, "apply_to", lambda *_: True)
    monkeypatch.setattr(kernels, "forward_grid", lambda _: Grid(16, 128, ("tokens", "classes")))
    monkeypatch.setattr(kernels, "backward_grid", lambda *_: Grid(8, 128, ("classes", "tokens")))
    with pltpu.force_tpu_interpret_mode():
        yield
