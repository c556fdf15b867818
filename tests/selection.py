"""``pytest --changed``: run the tests that the changed files can reach, and a rotating sample of Cases.

A plugin of pytest. The static graph of names (`scripts.mutation.graph`) decides: a test that uses ``jaxloss.huber_loss``
depends on the module that owns it and on what that uses, a Case on its loss and its oracle. The floor, the laws and the
configuration reach everything.
"""

from __future__ import annotations

import dataclasses
import itertools
import random
import subprocess
from pathlib import Path
from typing import Any

import pytest

from scripts.mutation.suite import REGISTRY, Reach, Suite

SAMPLE = 5
MAIN = ("origin/main", "main", "origin/master", "master")
SELECTION = pytest.StashKey["Selection"]()


@dataclasses.dataclass(frozen=True)
class Selection:
    """What ``--changed`` found; ``reach`` is None if everything is to run."""

    suite: Suite
    reach: Reach | None
    seed: int
    summary: str


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("selection")
    group.addoption(
        "--changed",
        nargs="?",
        const="",
        metavar="BASE",
        help="run only the tests that can reach files changed since BASE, and the laws of five other Cases. Without "
        "BASE: since the branch left main; on main itself the uncommitted changes or, if there are none, the last commit",
    )
    group.addoption(
        "--changed-seed", type=int, metavar="SEED", help="draw the five other Cases again as with this seed"
    )


def pytest_configure(config: pytest.Config) -> None:
    root, option = config.rootpath, config.option
    if option.changed is None:
        return
    if told := getattr(config, "workerinput", {}).get("changed"):
        option.changed, option.changed_seed = told
    elif option.changed_seed is None:
        option.changed_seed = random.SystemRandom().randrange(10**6)
    base = option.changed = option.changed or default_base(root)
    seed = option.changed_seed
    files = changed_files(root, base)
    suite = Suite(root)
    reach = suite.reach_of_files(files)
    reached = "everything" if reach is None else f"{len(reach.cases)} losses and {len(reach.tests)} tests by name"
    summary = f"{len(files)} files changed since {base} reach {reached}"
    if reach is not None:
        summary += f"; five more Cases from --changed-seed {seed}"
    config.stash[SELECTION] = Selection(suite, reach, seed, summary)


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """A worker of xdist parses the command line anew: it is told the base and the seed, or it would draw its own."""
    node.workerinput["changed"] = (node.config.option.changed, node.config.option.changed_seed)


def pytest_sessionstart(session: pytest.Session) -> None:
    """First of all; not by ``pytest_report_header``, which ``-q`` silences."""
    _print(session.config, session.config.pluginmanager.get_plugin("terminalreporter"))


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """A file without a selected test is not even imported."""
    selection = config.stash.get(SELECTION, None)
    if selection is None or selection.reach is None or not collection_path.match("test_*.py"):
        return None
    path = collection_path.relative_to(config.rootpath)
    runs_cases = any(selection.suite.graph.modules[owner].path == path for owner, _ in _tests_of_cases(selection))
    return None if runs_cases or selection.reach.touches(path) else True


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    selection = config.stash.get(SELECTION, None)
    if selection is None or selection.reach is None:
        return
    reach, of_cases = selection.reach, _tests_of_cases(selection)
    tests = [(item, _symbol(config, item), _parameters(reach, item)) for item in items]
    cases = set().union(*(reach.losses_in(parameters) for _, symbol, parameters in tests if symbol in of_cases))
    others = sorted(cases - set(reach.cases))
    sample = set(random.Random(selection.seed).sample(others, min(SAMPLE, len(others))))
    kept, left = [], []
    for item, symbol, parameters in tests:
        sampled = symbol in of_cases and not sample.isdisjoint(reach.losses_in(parameters))
        (kept if sampled or reach.selects(symbol, parameters) else left).append(item)
    items[:] = kept
    config.hook.pytest_deselected(items=left)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    _print(config, terminalreporter)


def _print(config: pytest.Config, reporter: pytest.TerminalReporter | None) -> None:
    selection = config.stash.get(SELECTION, None)
    if selection is not None and reporter is not None:
        reporter.write_line(selection.summary)


def _tests_of_cases(selection: Selection) -> set[tuple[str, str]]:
    """The tests that run over the registry of Cases."""
    suite = selection.suite
    return {symbol for symbol in suite.graph.reached_from([(REGISTRY, "")], whole=False) if suite.is_test(symbol)}


def _symbol(config: pytest.Config, item: pytest.Item) -> tuple[str, str]:
    """The module of a test and the class or the function at its top."""
    module = ".".join(item.path.relative_to(config.rootpath).with_suffix("").parts)
    chain = item.listchain()
    top = next(node for above, node in itertools.pairwise(chain) if isinstance(above, pytest.Module))
    return module, top.name.partition("[")[0]


def _parameters(reach: Reach, item: pytest.Item) -> str:
    """What tells a parametrised test's losses: the brackets of its name, else the parameter that names the fewest."""
    brackets = item.name.partition("[")[2]
    callspec = getattr(item, "callspec", None)
    values = [] if callspec is None or reach.losses_in(brackets) else map(repr, callspec.params.values())
    return min(filter(reach.losses_in, values), key=lambda value: len(reach.losses_in(value)), default=brackets)


# ---- git -------------------------------------------------------------------------------------------------------


def git(root: Path, *arguments: str) -> str | None:
    """What a git command prints; None if it fails."""
    command = ["git", "-C", str(root), *arguments]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    return result.stdout.strip() if result.returncode == 0 else None


def default_base(root: Path) -> str:
    """Where the branch left main; on main itself ``HEAD`` if there are uncommitted changes, else the commit before."""
    for branch in MAIN:
        base = git(root, "merge-base", "HEAD", branch)
        if base and base != git(root, "rev-parse", "HEAD"):
            return base[:12]
    return "HEAD" if git(root, "status", "--porcelain") else "HEAD~1"


def changed_files(root: Path, base: str) -> list[str]:
    """Files that differ from ``base`` in the working tree, untracked ones included, relative to the root."""
    tracked = git(root, "diff", "--name-only", "--no-renames", "--relative", base, "--")
    if tracked is None:
        raise pytest.UsageError(f"--changed: {base!r} is no commit here (paths of tests go before --changed)")
    untracked = git(root, "ls-files", "--others", "--exclude-standard") or ""
    return sorted({*tracked.splitlines(), *untracked.splitlines()})
