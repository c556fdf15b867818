"""The command ``python scripts/mutate.py``: draw mutants, choose their tests, run them, report."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from .edits import KINDS
from .graph import Symbol
from .mutants import Mutant, draw
from .report import Progress, Verdict, show
from .runs import OUT_OF_TIME, Choice, Result, Workshop
from .sources import Module
from .suite import REGISTRY, Suite

__all__ = ["main"]

ROOT = Path(__file__).resolve().parent.parent.parent
NO_LOSSES = {"cli", "combine", "inspect", "names", "nn"}
LAWS = "tests.test_laws"
EPILOG = """
A mutant is killed by the first failing test that passes without it, by a crash, or by the time limit if its tests keep
to it without the mutant. Its tests are the laws of the nearest losses that can reach it and the tests of its family
that use it. Some survivors are equivalent programs, which only a reader can tell. All kinds are drawn equally often.
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
    made.add_argument("--limit", type=float, default=300, metavar="SECONDS", help="time of each mutant (default 300)")
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
) -> tuple[set[str], list[Verdict]]:
    """The tests that fail without any mutant, and what happened to each mutant.

    A test that kills must pass without the mutant, or it is left out and its mutants are tested again: that costs less
    than to run everything without any mutant first.
    """
    everything = union(choices.values())
    check(workshop.run(everything, collect=True, limit=None))
    left_out: set[str] = set()
    passing: set[str] = set()
    verdicts: dict[Mutant, Verdict] = {}
    waiting = mutants
    with Progress("mutants", len(mutants)) as progress:

        def judge(mutant: Mutant) -> Verdict:
            choice = choices[mutant]
            run = lambda mutant: workshop.run(choice, mutant=mutant, left_out=left_out, limit=options.limit).killer
            killer = run(mutant) if choice else None
            slow = killer == OUT_OF_TIME and run(None) == OUT_OF_TIME
            return progress.step(Verdict(mutant, choice, None if slow else killer, slow))

        while waiting:
            verdicts |= {verdict.mutant: verdict for verdict in threads.map(judge, waiting)}
            killers = {verdict.killer for verdict in verdicts.values() if "::" in (verdict.killer or "")} - passing
            failed = set(workshop.run(everything, only=killers, limit=None).failed) if killers else set()
            passing |= killers - failed
            left_out |= failed
            waiting = [mutant for mutant in waiting if verdicts[mutant].killer in failed]
    return left_out, [verdicts[mutant] for mutant in mutants]


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


def union(choices: Iterable[Choice]) -> Choice:
    """All that any of the choices needs."""
    cases, tests, laws = ({name for choice in choices for name in getattr(choice, part)} for part in Choice.PARTS)
    return Choice(tuple(sorted(cases)), tuple(sorted(tests)), tuple(sorted(laws)))


def check(collected: Result) -> None:
    """Refuse a tree whose tests cannot be collected."""
    last = collected.output.strip().splitlines()[-1:] or ["pytest said nothing"]
    if collected.failed:
        raise ValueError(f"without any mutant: {collected.failed[0]} fails")
    if collected.code not in (0, 5):
        raise ValueError(f"without any mutant pytest ends with exit code {collected.code}: {last[0]}")
