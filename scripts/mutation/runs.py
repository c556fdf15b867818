"""Copies of the tree, and the chosen tests run in them."""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import json
import os
import queue
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import ClassVar

from .mutants import Mutant

__all__ = ["OUT_OF_TIME", "Choice", "Result", "Workshop"]

OUT_OF_TIME = "the time limit"

HIDDEN = shutil.ignore_patterns(".*", "__pycache__", "notebooks")


@dataclasses.dataclass(frozen=True)
class Choice:
    """Cases whose laws are run, and tests as ``module.function``."""

    PARTS: ClassVar = ("cases", "tests", "laws")

    cases: tuple[str, ...]
    tests: tuple[str, ...]
    laws: tuple[str, ...]

    def __bool__(self) -> bool:
        return bool(self.tests or (self.cases and self.laws))

    @property
    def paths(self) -> list[str]:
        """The test files that are needed."""
        modules = {name.rpartition(".")[0] for name in (*self.tests, *(self.laws if self.cases else ()))}
        return sorted(f"{module.replace('.', '/')}.py" for module in modules)


@dataclasses.dataclass(frozen=True)
class Result:
    """What one run of pytest said: its exit code (None: out of time) and the tests that failed."""

    code: int | None
    failed: tuple[str, ...]
    output: str

    @property
    def killer(self) -> str | None:
        """What noticed a mutant; None if nothing did."""
        if self.code is None:
            return OUT_OF_TIME
        if self.failed:
            return self.failed[0]
        return None if self.code in (0, 5) else f"a crash (exit code {self.code})"


class Workshop:
    """Some copies of a tree, in which mutants are built and tested; the tree itself is never touched."""

    def __init__(self, root: Path, copies: int) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="mutate-")
        self._processes: set[subprocess.Popen] = set()
        self._free: queue.Queue[Path] = queue.Queue()
        self._times = itertools.count(10**9)
        cache = Path(self._folder.name) / "cache"
        cache.mkdir()
        for number in range(copies):
            copy = Path(self._folder.name) / f"copy{number}"
            shutil.copytree(root, copy, ignore=HIDDEN)
            (copy / ".jax_cache").symlink_to(cache)
            self._free.put(copy)

    def __enter__(self) -> Workshop:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        self._folder.cleanup()

    def stop(self) -> None:
        """End what still runs."""
        for process in list(self._processes):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)

    def run(
        self,
        choice: Choice,
        *,
        mutant: Mutant | None = None,
        left_out: Collection[str] = (),
        only: Collection[str] | None = None,
        collect: bool = False,
        limit: float | None,
    ) -> Result:
        """Run the chosen tests, with a mutant only until the first fails; or ``only`` some node ids, or collect."""
        copy = self._free.get()
        try:
            with self._changed(copy, mutant), tempfile.TemporaryDirectory(dir=self._folder.name) as folder:
                record = Path(folder) / "record"
                record.touch()
                lists = {"left_out": sorted(left_out), "only": None if only is None else sorted(only)}
                choices = {**dataclasses.asdict(choice), **lists, "record": str(record)}
                (Path(folder) / "choice").write_text(json.dumps(choices))
                environment = {
                    **os.environ,
                    "MUTATION_CHOICE": str(Path(folder) / "choice"),
                    "PYTHONPATH": os.pathsep.join([str(copy), str(Path(__file__).parent.parent)]),
                }
                options = [*(["-x"] if mutant else []), *(["--collect-only"] if collect else [])]
                command = [sys.executable, "-m", "pytest", "-q", *options, "--rootdir", str(copy)]
                paths = choice.paths if only is None else sorted({test.partition("::")[0] for test in only})
                command += ["-p", "mutation.chosen", "-p", "no:cacheprovider", *paths]
                code, output = self._finish(command, copy, environment, limit)
                failed = tuple(dict.fromkeys(record.read_text().splitlines()))
        finally:
            self._free.put(copy)
        return Result(code, failed, output)

    @contextlib.contextmanager
    def _changed(self, copy: Path, mutant: Mutant | None) -> Iterator[None]:
        """A copy with a mutant in it. Every version of a file has a time of its own, or Python would reuse bytecode."""
        if mutant is None:
            yield
            return
        path = copy / mutant.path
        original = path.read_text(encoding="utf-8")
        try:
            self._write(path, mutant.text)
            yield
        finally:
            self._write(path, original)

    def _write(self, path: Path, text: str) -> None:
        path.write_text(text, encoding="utf-8")
        seconds = next(self._times)
        os.utime(path, (seconds, seconds))

    def _finish(
        self, command: list[str], copy: Path, environment: dict[str, str], limit: float | None
    ) -> tuple[int | None, str]:
        """Exit code, None if it was out of time, and the end of what was printed."""
        process = subprocess.Popen(
            command,
            cwd=copy,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self._processes.add(process)
        try:
            output, _ = process.communicate(timeout=limit)
            return process.returncode, output[-3000:]
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)  # with those that it started
            process.communicate()
            return None, ""
        finally:
            self._processes.discard(process)
