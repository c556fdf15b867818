"""What a comparison found: plain data, a table and JSON."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

from jaxloss.benchmarks.programs import Figures
from jaxloss.benchmarks.tables import comparison_table
from jaxloss.benchmarks.timing import Spread

__all__ = ["Comparison", "Entry", "finite"]


@dataclasses.dataclass
class Entry:
    """One implementation; only one that is timed has figures and times.

    Attributes:
        label: Its name.
        status: ``"agrees"``, ``"differs"`` (timed all the same, as was asked), ``"disagrees"`` (not timed),
            ``"failed"`` or ``"absent"``.
        detail: What went wrong, in words.
        difference: Largest difference from the first implementation, relative to the largest entry, of ``"value"`` and
            ``"gradient"``.
        seconds: By quantity (``"value"``, ``"value_and_grad"``, ``"trace_value"``, ...) the time of a call by the
            clock.
        cpu_seconds: The same by the processor, all threads together; calls only.
        ratio, cpu_ratio: The time of the first implementation over that of this one, taken inside a round.
        copies: Time of value and gradient over that of one streaming copy of the differentiated inputs.
        compiled: By quantity, the figures of the compiler of the backend: bytes and FLOPs.
        tpu: By TPU generation and quantity, those of the TPU compiler, with the memory traffic.
    """

    label: str
    status: str = "agrees"
    detail: str = ""
    difference: dict[str, float] = dataclasses.field(default_factory=dict)
    seconds: dict[str, Spread] = dataclasses.field(default_factory=dict)
    cpu_seconds: dict[str, Spread] = dataclasses.field(default_factory=dict)
    ratio: dict[str, Spread] = dataclasses.field(default_factory=dict)
    cpu_ratio: dict[str, Spread] = dataclasses.field(default_factory=dict)
    copies: Spread | None = None
    compiled: dict[str, Figures] = dataclasses.field(default_factory=dict)
    tpu: dict[str, dict[str, Figures]] = dataclasses.field(default_factory=dict)

    @property
    def timed(self) -> bool:
        """Whether it has times."""
        return bool(self.seconds)


@dataclasses.dataclass
class Comparison:
    """Implementations of one loss on one set of inputs, the first of them first.

    Attributes:
        title: What was compared.
        inputs: Name to dtype and shape, such as ``float32[8192,512]``.
        first_bytes: Size of the first input.
        backend: Where it ran: ``"cpu"``, ``"gpu"`` or ``"tpu"``.
        rounds: How often each was timed.
        entries: The implementations.
        no_tpu: Why the TPU compiler said nothing, where it was asked.
    """

    title: str
    inputs: dict[str, str]
    first_bytes: int
    backend: str
    rounds: int
    entries: list[Entry]
    no_tpu: str = ""

    def table(self) -> str:
        """Everything that was measured as text of at most 80 columns."""
        return comparison_table(self)

    def __str__(self) -> str:
        return self.table()

    def to_dict(self) -> dict[str, Any]:
        """Dictionaries, lists, strings and finite numbers, as JSON has them."""
        return finite(dataclasses.asdict(self))

    def entry(self, label: str) -> Entry:
        """The implementation of a name."""
        return next(entry for entry in self.entries if entry.label == label)

    def worst(self, quantity: str = "value_and_grad") -> float | None:
        """The time of the first implementation over that of the fastest other one; None if nothing else was timed."""
        return max((e.ratio[quantity].median for e in self.entries[1:] if e.timed), default=None)


def finite(value: Any) -> Any:
    """Without NaN and infinities, which JSON lacks."""
    if isinstance(value, Mapping):
        return {k: finite(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [finite(v) for v in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
