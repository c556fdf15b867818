"""The command ``python scripts/mutate.py``: draw mutants, choose their tests, run them, report."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from .edits import KINDS
from .graph import Symbol
from .mutants import Mutant, draw
from .report import Progress, Verdict, show
from .runs import Choice, Result, Workshop
from .sources import Module
from .suite import REGISTRY, Suite

__all__ = ["main"]

ROOT = Path(__file__).resolve().parent.parent.parent
NO_LOSSES = {"cli", "combine", "inspect", "names", "nn"}
LAWS = "tests.test_laws"
EPILOG = """
A mutant is killed by the first failing test, a crash, or running out of time: --limit and four times what its tests
took without it.
Its tests are the laws of the nearest losses that can reach it and the tests of its family that use it. The rate is
over all mutants; some survivors are equivalent programs, which only a reader can tell. Kinds are drawn alike.
"""


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(
        prog="mutate.py", description="Random mutants of the loss modules, and which tests notice.", epilog=EPILOG
    )
    made.add_argument("--sample", type=int, default=20, metavar="N", help="how many mutants (default 20)")
    made.add_argument("--seed", type=int, default=0, metavar="S", help="which ones; the same tree draws the same")
    made.add_argument("--paths", nargs="+", type=Path, metavar="PATH", help="mutate only these files or folders")
    made.add_argument("--kinds", nargs="+", choices=KINDS, default=KINDS, metavar="KIND", help=f"of {', '.join(KINDS)}")
    made.add_argument("--floor", action="store_true", help="mutate the shared floor and the reductions too")
    made.add_argument("--laws-only", action="store_true", help="run the laws and not the tests of the family")
    made.add_argument("--cases", type=int, default=6, metavar="N", help="laws of at most N losses each (default 6)")
    made.add_argument("--jobs", type=int, default=2, metavar="N", help="mutants at a time (default 2)")
    made.add_argument("--limit", type=float, default=60, metavar="SECONDS", help="see below (default 60)")
    made.add_argument("--tree", type=Path, default=ROOT, help="the repository; it is copied and never touched")
    return made


def main(arguments: list[str] | None = None) -> int:
    options = parser().parse_args(arguments)
    try:
        return run(options)
    except (OSError, SyntaxError, ValueError) as error:
        print(f"mutate.py: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("mutate.py: interrupted", file=sys.stderr)
        return 130


def run(options: argparse.Namespace) -> int:
    if min(options.sample, options.jobs, options.cases) < 1:
        raise ValueError("--sample, --jobs and --cases are at least 1")
    root = options.tree.resolve()
    suite = Suite(root)
    mutants = draw(root, targets(suite, options.paths, options.floor), options.sample, options.seed, options.kinds)
    if not mutants:
        raise ValueError("no mutant in these paths")
    choices = {mutant: choose(suite, mutant.symbol, options.cases, options.laws_only) for mutant in mutants}
    with Workshop(root, options.jobs) as workshop, ThreadPoolExecutor(options.jobs) as threads:
        try:
            left_out, verdicts = test(options, mutants, choices, workshop, threads)
        except BaseException:
            threads.shutdown(wait=False, cancel_futures=True)
            workshop.stop()
            raise
    show(verdicts, sorted(left_out))
    return 0


def test(
    options: argparse.Namespace,
    mutants: list[Mutant],
    choices: dict[Mutant, Choice],
    workshop: Workshop,
    threads: ThreadPoolExecutor,
) -> tuple[frozenset[str], list[Verdict]]:
    """The tests that fail without any mutant, and what happened to each mutant."""
    parts = [part for part in split(choices.values(), options.jobs) if part]
    with Progress("the tests without any mutant", len(parts)) as progress:
        runs = threads.map(lambda part: workshop.run(part, left_out=frozenset(), limit=None), parts)
        baseline = [progress.step(result) for result in runs]
    check(baseline)
    left_out = frozenset(test for result in baseline for test in result.failed)
    seconds = {test: time for result in baseline for test, time in result.seconds.items()}
    with Progress("mutants", len(mutants)) as progress:

        def judge(mutant: Mutant) -> Verdict:
            choice = choices[mutant]
            limit = options.limit + 4 * sum(time for test, time in seconds.items() if concerns(choice, test))
            result = workshop.run(choice, mutant=mutant, left_out=left_out, limit=limit) if choice else None
            return progress.step(Verdict(mutant, choice, result and result.killer))

        return left_out, list(threads.map(judge, mutants))


def targets(suite: Suite, paths: list[Path] | None, floor: bool) -> list[Module]:
    """The modules to mutate."""
    found = []
    for module in suite.graph.modules.values():
        first, *rest = module.name.split(".")[1:] or [""]
        family = bool(rest) and not first.startswith("_") and first not in NO_LOSSES
        shared = floor and (first in ("_floor", "reductions"))
        if module.name.startswith("jaxloss.") and module.path.name != "__init__.py" and (family or shared):
            found.append(module)
    if paths is None:
        return found
    wanted = [path if path.is_absolute() else suite.root / path for path in paths]
    for path in wanted:
        if not path.exists():
            raise ValueError(f"no file or folder {path}")
    return [module for module in found if any((suite.root / module.path).is_relative_to(path) for path in wanted)]


def choose(suite: Suite, symbol: Symbol, most: int, laws_only: bool) -> Choice:
    """The laws of the nearest losses that reach a symbol and the tests of its family, or else the nearest, that do."""
    reach = suite.reach([symbol])
    family = symbol[0].split(".")[1]
    home = lambda loss: (suite.graph.resolve("jaxloss", (loss,)) or ("",))[0].startswith(f"jaxloss.{family}.")
    cases = sorted(reach.cases, key=lambda loss: (reach.cases[loss], not home(loss), loss))[:most]
    near = sorted(reach.tests, key=lambda test: (reach.tests[test], test))
    of_family = [test for test in (*near, *sorted(reach.whole)) if test[0].startswith(f"tests.{family}.")]
    tests = [] if laws_only else of_family or near[:most]
    over_cases = suite.graph.reached_from([(REGISTRY, "")], whole=False)
    laws = sorted(test for test in over_cases if suite.is_test(test) and test[0].startswith(LAWS))
    names = tuple(tuple(map(".".join, symbols)) for symbols in (tests, laws))
    return Choice(tuple(cases), *names)


def split(choices: Iterable[Choice], parts: int) -> list[Choice]:
    """All that any of the choices needs, each once, in ``parts``."""
    cases = sorted({case for choice in choices for case in choice.cases})
    tests = sorted({test for choice in choices for test in choice.tests})
    laws = next(iter(choices)).laws
    return [Choice(tuple(cases[i::parts]), tuple(tests[i::parts]), laws) for i in range(parts)]


def check(baseline: list[Result]) -> None:
    """Refuse a tree whose tests cannot be collected, or all fail."""
    for result in baseline:
        last = result.output.strip().splitlines()[-1:] or ["pytest said nothing"]
        if any(test.startswith("collection of ") for test in result.failed):
            raise ValueError(f"without any mutant the tests cannot be collected: {result.failed[0]}")
        if result.code not in (0, 1, 5):
            raise ValueError(f"without any mutant pytest ends with exit code {result.code}: {last[0]}")
        if result.seconds and set(result.seconds) == set(result.failed):
            raise ValueError(f"without any mutant every test fails, such as {result.failed[0]}")


def concerns(choice: Choice, test: str) -> bool:
    """Whether a node id belongs to a choice."""
    path, _, name = test.partition("::")
    top, _, parameters = name.partition("[")
    function = f"{path.removesuffix('.py').replace('/', '.')}.{top.partition('::')[0]}"
    named = set(re.findall(r"\w+", parameters))
    return function in choice.tests or (function in choice.laws and not named.isdisjoint(choice.cases))
