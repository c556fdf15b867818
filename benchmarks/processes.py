"""Processes with CPU devices that find each other, so that collectives cross between them.

A module that takes part asks `member` whether it runs in such a process, and starts them with `results`.
"""

from __future__ import annotations

import json
import os
import pathlib
import socket
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from typing import Any, NamedTuple

__all__ = ["Member", "join", "member", "report", "results"]

VARIABLE = "JAXLOSS_PROCESS"
MARK = "result: "


class Member(NamedTuple):
    """One of several processes: the address at which they meet, how many they are, and its number."""

    address: str
    processes: int
    number: int


def member() -> Member | None:
    """Which process this is; None if nobody started it as one of several."""
    if (known := os.environ.get(VARIABLE)) is None:
        return None
    address, processes, number = known.split()
    return Member(address, int(processes), int(number))


def join(this: Member) -> None:
    """Wait for the others: `jax.devices` has the devices of all of them from here on."""
    import jax

    jax.distributed.initialize(this.address, num_processes=this.processes, process_id=this.number)


def report(result: Any) -> None:
    """Hand a result, which JSON can write, to the one who started the processes."""
    print(MARK + json.dumps(result), flush=True)


def results(arguments: Sequence[str], *, processes: int, devices: int) -> list[Any]:
    """What the first of several ``python -m`` processes reports.

    Args:
        arguments: Module and arguments of each process.
        processes: Number of processes.
        devices: Number of CPU devices of each.

    Returns:
        The results in their order.

    Raises:
        RuntimeError: If a process fails, with the end of what it printed.
    """
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    flags = {"XLA_FLAGS": f"--xla_force_host_platform_device_count={devices}", "JAX_PLATFORMS": "cpu"}
    with tempfile.TemporaryDirectory() as folder:  # a pipe that nobody reads yet would stop its process
        printed = [pathlib.Path(folder, f"{number}.txt") for number in range(processes)]
        children = [_start(arguments, path, flags, f"{address} {processes} {i}") for i, path in enumerate(printed)]
        codes = [child.wait() for child in children]
        texts = [path.read_text() for path in printed]
    for code, text in zip(codes, texts, strict=True):
        if code:
            raise RuntimeError(text[-2000:])
    lines = texts[0].splitlines()  # the collectives of the host print as well
    return [json.loads(line.removeprefix(MARK)) for line in lines if line.startswith(MARK)]


def _start(
    arguments: Sequence[str], printed: pathlib.Path, flags: dict[str, str], which: str
) -> subprocess.Popen[bytes]:
    with printed.open("w") as out:
        command = [sys.executable, "-m", *arguments]
        return subprocess.Popen(command, env={**os.environ, **flags, VARIABLE: which}, stdout=out, stderr=out)
