"""Bytes that a compiled TPU program moves to and from its main memory, loops counted as often as they run.

The compiler's own ``cost_analysis`` counts the body of a loop once, so that a loop over chunks looks free. This
walks the scheduled HLO of a program for one device instead: an instruction costs its operands and its result where
they live in main memory (on-chip arrays carry a memory space ``S(n)``), a slice costs what is sliced, an update
what is updated, and the body of a loop is multiplied by its trip count. Kernels are opaque: operands and results
once, a lower bound. Padding to tiles is ignored.
"""

from __future__ import annotations

import dataclasses
import functools
import math
import re
from collections.abc import Iterator

__all__ = ["Computation", "Instruction", "Program", "count", "kernels", "parse", "size"]

_INSTRUCTION = re.compile(r"^\s+(ROOT )?%?([\w.\-]+) = (\(.*?\)|\S+) ([\w\-]+)\((.*)$")
_ARRAY = re.compile(r"\b(pred|[a-z]+(\d+)\w*)\[([\d,]*)\](\{[^}]*\})?")
_COMPUTATION = re.compile(r"^(ENTRY )?%?([\w.\-]+) \(.*\{$")

_FREE = {"after-all", "bitcast", "constant", "get-tuple-element", "iota", "opt-barrier", "parameter", "partition-id"}
_FREE |= {"tuple", "async-done", "copy-done", "slice-done"}
_SLICES = {"dynamic-slice", "gather", "slice"}
_CONTEXT = 8
"""Bytes of the bookkeeping word in the result of an asynchronous copy, at most."""


@dataclasses.dataclass(frozen=True)
class Instruction:
    name: str
    shape: str
    opcode: str
    operands: tuple[str, ...]
    inside: str
    attributes: str
    root: bool

    def called(self, role: str) -> str:
        found = re.search(rf"\b{role}=%?([\w.\-]+)", self.attributes)
        return found.group(1) if found else ""


Computation = dict[str, Instruction]


def _arrays(shape: str) -> Iterator[tuple[int, bool]]:
    """Size in bytes of every array of a shape, and whether it lives in main memory."""
    for _, bits, dims, layout in _ARRAY.findall(shape):
        count = math.prod(int(d) for d in dims.split(",") if d)
        yield math.ceil(count * int(bits or 8) / 8), not re.search(r"S\([1-9]", layout)


def size(shape: str, *, everywhere: bool = False) -> int:
    return sum(n for n, in_main_memory in _arrays(shape) if in_main_memory or everywhere)


def parse(text: str) -> tuple[dict[str, Computation], str]:
    """The computations of a module in HLO text by name, and the name of its entry."""
    computations: dict[str, Computation] = {}
    entry, current = "", {}
    for line in text.splitlines():
        if header := _COMPUTATION.match(line):
            current = computations.setdefault(header.group(2), {})
            entry = header.group(2) if header.group(1) else entry
        elif found := _INSTRUCTION.match(line):
            root, name, shape, opcode, rest = found.groups()
            inside, _, attributes = rest.partition("), ")
            operands = tuple(re.findall(r"%([\w.\-]+)", inside))
            current[name] = Instruction(name, shape, opcode, operands, inside, attributes, bool(root))
    return computations, entry


class Program:
    """A parsed module and the rules by which its instructions cost."""

    def __init__(self, text: str) -> None:
        self.computations, self.entry = parse(text)
        self.cost = functools.cache(self._cost)

    def trips(self, loop: Instruction) -> int:
        """The constant that the loop counter is compared with; 0 if there is none."""
        condition = self.computations[loop.called("condition")]
        inner = [self.computations.get(i.called("calls"), {}) for i in condition.values() if i.opcode == "fusion"]
        constants = [i for body in (condition, *inner) for i in body.values() if i.opcode == "constant"]
        numbers = [int(i.inside.rstrip(")")) for i in constants if re.match(r"[su]\d+\[\]", i.shape)]
        return max(numbers, default=0)

    def read(self, body: Computation, name: str, full: int) -> int:
        """Bytes of ``name``, which has ``full``, that the instructions of a fused ``body`` read."""
        total = 0
        for user in (i for i in body.values() if name in i.operands):
            if user.opcode in _SLICES and user.operands[0] == name:
                total += size(user.shape, everywhere=True)
            elif user.opcode == "dynamic-update-slice" and user.operands[0] == name:
                continue
            elif user.opcode == "bitcast" and not user.root:
                total += self.read(body, user.name, full)
            elif user.opcode == "fusion":
                total += self.read_by_fusion(user, name, full)
            else:
                return full
        return min(total, full)

    def read_by_fusion(self, fusion: Instruction, name: str, full: int) -> int:
        body = self.computations[fusion.called("calls")]
        numbered = {int(i.inside.rstrip(")")): i.name for i in body.values() if i.opcode == "parameter"}
        return sum(self.read(body, numbered[k], full) for k, operand in enumerate(fusion.operands) if operand == name)

    def written(self, body: Computation, root: Instruction, shape: str) -> int:
        """Bytes that a fused ``body`` writes for its result ``root``."""
        while root.opcode == "bitcast" and root.operands[0] in body:
            root = body[root.operands[0]]
        if root.opcode == "tuple":
            return sum(self.written(body, body[o], body[o].shape) for o in root.operands)
        if root.opcode == "dynamic-update-slice":
            return min(size(shape), size(body[root.operands[1]].shape, everywhere=True))
        return size(shape)

    def instruction(self, i: Instruction, body: Computation) -> int:
        if i.opcode in _FREE or "AllocateBuffer" in i.attributes:
            return 0
        if i.opcode in _SLICES:
            return size(i.shape) + (size(i.shape, everywhere=True) if size(body[i.operands[0]].shape) else 0)
        if i.opcode == "dynamic-update-slice":
            update = body[i.operands[1]].shape
            return size(update) + (size(update, everywhere=True) if size(i.shape) else 0)
        if i.opcode in ("copy-start", "slice-start"):
            arrays = [(n, main) for n, main in _arrays(i.shape) if n > _CONTEXT]
            ends = 2 if all(main for _, main in arrays) else 1
            return ends * min((n for n, _ in arrays), default=0)
        operands = {o: size(body[o].shape) for o in i.operands if o in body}
        if i.opcode == "fusion":
            fused = self.computations[i.called("calls")]
            root = next(j for j in fused.values() if j.root)
            reads = sum(self.read_by_fusion(i, o, full) for o, full in operands.items())
            return reads + self.written(fused, root, i.shape)
        return sum(operands.values()) + size(i.shape)

    def _cost(self, computation: str) -> tuple[int, int, int]:
        """Bytes, loops met and loops of unknown length (counted once) of one execution of a computation."""
        total, loops, unknown = 0, 0, 0
        body = self.computations.get(computation, {})
        for i in body.values():
            if i.opcode == "while":
                inner, more, blind = self.cost(i.called("body"))
                trips = self.trips(i)
                total += inner * (trips or 1)
                loops, unknown = loops + 1 + more, unknown + (trips == 0) + blind
            elif i.opcode in ("call", "conditional"):
                names = [name for name in re.findall(r"%([\w.\-]+)", i.attributes) if name in self.computations]
                inner, more, blind = max(map(self.cost, names), default=(0, 0, 0))
                total, loops, unknown = total + inner, loops + more, unknown + blind
            else:
                total += self.instruction(i, body)
        return total, loops, unknown


def count(text: str) -> dict[str, int]:
    """Traffic of a compiled program, from ``compiled.as_text()``."""
    program = Program(text)
    total, loops, unknown = program.cost(program.entry)
    return {"traffic_bytes": total, "loops": loops, "loops_of_unknown_length": unknown}


def kernels(text: str) -> int:
    """Instructions of a compiled program that are run one by one; those of a loop or a branch count once."""
    computations, entry = parse(text)

    def run(computation: str) -> int:
        total = 0
        for i in computations.get(computation, {}).values():
            if i.opcode in ("while", "call", "conditional"):
                total += sum(run(name) for name in re.findall(r"%([\w.\-]+)", i.attributes) if name in computations)
            elif i.opcode not in _FREE:
                total += 1
        return total

    return run(entry)
