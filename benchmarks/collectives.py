"""What a compiled program sends between devices: every collective, its payload, and how often it runs.

Read from the text of one device's program, on TPU and on CPU. A collective in a loop counts as often as the loop runs.
TPU programs may split one collective over several fusions, so that it overlaps with arithmetic: it counts once.
"""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Iterator, Mapping

import numpy as np

from jaxloss.benchmarks import traffic

KINDS = ("all-reduce", "all-gather", "reduce-scatter", "collective-permute", "all-to-all", "ragged-all-to-all")


@dataclasses.dataclass(frozen=True)
class Collective:
    """One collective of a program.

    Attributes:
        kind: One of `KINDS`.
        payload: Bytes of the whole array: what is summed, the gathered or scattered array, or what is handed on.
        members: Device numbers of one of the groups that work together; the first pair of a permutation.
        times: How often it runs.
        largest: Entries of the largest array among its operands and results.
    """

    kind: str
    payload: int
    members: tuple[int, ...]
    times: int
    largest: int

    @property
    def whole(self) -> float:
        """Bytes that a ring of endless devices sends per device: each array once, or twice to sum it everywhere."""
        return self.times * self.payload * (2 if self.kind == "all-reduce" else 1)

    @property
    def sent(self) -> float:
        """Bytes that one device sends over its links, by the ring algorithms, which send the least possible."""
        n = len(self.members)
        return self.whole if self.kind == "collective-permute" else self.whole * (n - 1) / n

    def axes(self, mesh: Mapping[str, int]) -> tuple[str, ...]:
        """The axes of a mesh, in its order, along which the members differ."""
        places = np.unravel_index(self.members, tuple(mesh.values()))
        return tuple(name for name, place in zip(mesh, places, strict=True) if len(set(place.tolist())) > 1)


def _numbers(text: str) -> list[int]:
    return [int(n) for n in text.split(",") if n]


def members(attributes: str, devices: int) -> tuple[int, ...]:
    """The first group of devices: listed, as an iota that is reshaped and transposed, or all of them."""
    if pairs := re.search(r"source_target_pairs=\{\{([\d,]+)\}", attributes):
        return tuple(_numbers(pairs.group(1)))
    if listed := re.search(r"replica_groups=\{\{([\d,]+)\}", attributes):
        return tuple(_numbers(listed.group(1)))
    if iota := re.search(r"replica_groups=\[([\d,]+)\]<=\[([\d,]+)\](?:T\(([\d,]+)\))?", attributes):
        groups, shape = _numbers(iota.group(1)), _numbers(iota.group(2))
        order = _numbers(iota.group(3) or "") or list(range(len(shape)))
        numbers = np.arange(math.prod(shape)).reshape(shape).transpose(order).reshape(groups)
        return tuple(numbers[0].tolist())
    return tuple(range(devices))


def _entries(shape: str) -> int:
    """Entries of the largest array of a shape."""
    return max((math.prod(_numbers(dims)) for dims in re.findall(r"\w\[([\d,]*)\]", shape)), default=0)


def _read(i: traffic.Instruction, body: traffic.Computation, devices: int, times: int) -> Collective | None:
    kind = i.opcode.removesuffix("-start")
    if kind not in KINDS:
        return None
    operands = [body[name].shape for name in (i.operands[:1] if kind == "collective-permute" else i.operands)]
    group = members(i.attributes, devices)
    payload = sum(traffic.size(shape, everywhere=True) for shape in operands)
    payload *= len(group) if kind == "all-gather" else 1
    largest = max(map(_entries, operands), default=0)
    return Collective(kind, payload, group, times, largest * (len(group) if kind == "all-gather" else 1))


def collectives(text: str) -> list[Collective]:
    """The collectives of a compiled program, from ``compiled.as_text()``."""
    program = traffic.Program(text)
    header = text.partition("\n")[0]
    devices = math.prod(int(n) for n in re.findall(r"\b(?:num_partitions|replica_count)=(\d+)", header))

    def walk(name: str, times: int, chains: set[str]) -> Iterator[Collective]:
        body = program.computations.get(name, {})
        for i in body.values():
            chain = re.search(r'chain_id="(\w+)"', i.attributes)
            if found := _read(i, body, devices, times):
                if not (chain and chain.group(1) in chains):
                    yield found
                chains.update(chain.groups() if chain else ())
            elif i.opcode == "while":
                yield from walk(i.called("body"), times * (program.trips(i) or 1), set())
            elif not i.opcode.endswith(("-done", "-update")):
                for called in re.findall(r"%([\w.\-]+)", i.attributes):
                    yield from walk(called, times, chains)

    return list(walk(program.entry, 1, set()))
