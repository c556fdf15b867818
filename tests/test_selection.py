"""What a change reaches, on a small tree of the same shape, and ``pytest --changed`` in a repository of it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from scripts.mutation.command import targets
from scripts.mutation.suite import Reach, Suite
from tests import registry

ROOT = Path(__file__).parent.parent
TREE = {
    "jaxloss/__init__.py": """
        from jaxloss import far, near
        from jaxloss.far import *
        from jaxloss.near import *
        __all__ = ["near", "far"]
        __all__ += near.__all__
        __all__ += far.__all__
        """,
    "jaxloss/_floor/__init__.py": "",
    "jaxloss/_floor/sums.py": "def total(x): return sum(x)",
    "jaxloss/near/__init__.py": """
        from jaxloss.near import ones, twos
        from jaxloss.near.ones import *
        from jaxloss.near.twos import *
        __all__: list[str] = []
        __all__ += ones.__all__
        __all__ += twos.__all__
        """,
    "jaxloss/near/ones.py": """
        __all__ = ["one_loss", "other_loss"]
        def hidden(x): return x
        def rule(x): return hidden(x)
        rule.defjvp = lambda slope: slope
        @rule.defjvp
        def _slope(x): return x
        def register(define, **options): return define
        def _inner(x): return x
        @register(rule.defjvp, symbolic_zeros=True)
        def _other_slope(x): return _inner(x)
        @register(define=rule.defjvp)
        def _named_slope(x): return x
        def one_loss(x): return rule(x)
        def other_loss(x): return x
        """,
    "jaxloss/near/twos.py": """
        from jaxloss._floor.sums import total
        from jaxloss.near.ones import hidden
        __all__ = ["two_loss"]
        def two_loss(x): return total([hidden(x), x])
        """,
    "jaxloss/far/__init__.py": """
        from jaxloss.far import threes
        from jaxloss.far.threes import *
        __all__: list[str] = []
        __all__ += threes.__all__
        """,
    "jaxloss/far/threes.py": """
        __all__ = ["three_loss"]
        def three_loss(x):
            '''Thrice.

            Example:
                >>> jaxloss.other_loss(3) * 3
                9
            '''
            return 3 * x
        """,
    "tests/conftest.py": "",
    "tests/cases/__init__.py": """
        def all_cases(): return ["one_loss", "other_loss", "two_loss", "three_loss"]
        """,
    "tests/cases/near/ones.py": """
        import jaxloss
        from tests.oracles import oracle
        CASES = [Case(fn=jaxloss.one_loss, oracle=oracle), Case(fn=jaxloss.other_loss, oracle=abs)]
        """,
    "tests/cases/near/twos.py": """
        import jaxloss
        CASES = [Case(fn=fn) for fn in (jaxloss.two_loss,)]
        """,
    "tests/cases/far/threes.py": """
        import jaxloss
        CASES = [Case(fn=jaxloss.three_loss)]
        """,
    "tests/oracles.py": "def oracle(x): return x",
    "tests/test_laws.py": """
        import pytest
        from tests.cases import all_cases
        @pytest.fixture(params=all_cases())
        def case(request): return request.param
        def test_law(case): assert case
        def test_registry(): assert len(all_cases()) == 4
        """,
    "tests/near/test_ones.py": """
        import pytest
        import jaxloss
        def test_one(): assert jaxloss.one_loss(1) == 1
        def test_other(): assert jaxloss.near.other_loss(1) == 1
        @pytest.mark.parametrize("name", ["two"])
        def test_by_name(name): assert getattr(jaxloss, f"{name}_loss", abs)(1)
        """,
    "tests/near/test_generated.py": """
        import jaxloss
        def pytest_generate_tests(metafunc): metafunc.parametrize("loss", [jaxloss.one_loss])
        def test_generated(loss): assert loss(1) == 1
        """,
    "tests/far/test_threes.py": """
        import jaxloss
        from pathlib import Path
        DATA = Path(__file__).parent / "numbers.npz"
        class TestThree:
            def test_three(self): assert jaxloss.three_loss(1) == 3
        def test_readme(): assert Path("README.md")
        """,
    "tests/test_package.py": """
        import jaxloss
        def test_whole(): assert vars(jaxloss)
        """,
    "jaxloss/facade.py": """
        from jaxloss.far.threes import *
        """,
    "tests/test_facade.py": """
        import jaxloss.facade
        def test_facade(): assert vars(jaxloss.facade)
        """,
    "jaxloss/inspect/laws/form.py": """
        import jaxloss
        def example_runs(case): return eval(case, {"jaxloss": jaxloss})
        """,
    "tests/test_laws_catch.py": """
        from jaxloss.inspect.laws.form import example_runs
        def test_catches(): assert example_runs("1")
        """,
    "tests/test_trees.py": """
        TREE = {"jaxloss/__init__.py": "from jaxloss import toys", "tests/test_toys.py": "import jaxloss"}
        PROGRAM = "import jaxloss"
        def test_tree(): assert TREE
        def test_program(): assert PROGRAM
        """,
}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tree")
    for path, text in TREE.items():
        lines = text.strip("\n").splitlines()
        indent = min((len(line) - len(line.lstrip()) for line in lines if line.strip()), default=0)
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text("\n".join(line[indent:] for line in lines) + "\n")
    return folder


@pytest.fixture(scope="module")
def suite(root: Path) -> Suite:
    return Suite(root)


def losses_of(reach: Reach | None) -> set[str]:
    assert reach is not None
    return set(reach.cases)


def functions_of(reach: Reach | None) -> set[str]:
    assert reach is not None
    return {name for _, name in reach.tests}


@pytest.mark.parametrize(
    ("symbol", "losses", "functions"),
    [
        (("jaxloss.near.ones", "one_loss"), {"one_loss"}, {"test_one", "test_generated"}),
        (("jaxloss.near.ones", "other_loss"), {"other_loss", "three_loss"}, {"test_other", "TestThree"}),
        (("jaxloss.near.ones", "_slope"), {"one_loss"}, {"test_one", "test_generated"}),
        (("jaxloss.near.ones", "_inner"), {"one_loss"}, {"test_one", "test_generated"}),
        (("jaxloss.near.ones", "_named_slope"), {"one_loss"}, {"test_one", "test_generated"}),
        (("jaxloss.near.ones", "hidden"), {"one_loss", "two_loss"}, {"test_one", "test_by_name", "test_generated"}),
        (("jaxloss._floor.sums", "total"), {"two_loss"}, {"test_by_name"}),
        (("tests.oracles", "oracle"), {"one_loss"}, set()),
    ],
    ids=lambda value: value[1] if isinstance(value, tuple) else None,
)
def test_a_name_reaches_what_uses_it(suite: Suite, symbol: tuple[str, str], losses: set, functions: set) -> None:
    reach = suite.reach([symbol])
    assert losses_of(reach) == losses
    assert functions_of(reach) == functions
    if symbol[0].startswith("jaxloss"):
        assert {"test_law", "test_registry", "test_whole"} <= {name for _, name in reach.whole}


@pytest.mark.parametrize(
    ("path", "losses", "functions"),
    [
        ("jaxloss/far/threes.py", {"three_loss"}, {"TestThree"}),
        ("jaxloss/near/twos.py", {"two_loss"}, {"test_by_name"}),
        ("tests/cases/near/ones.py", {"one_loss", "other_loss"}, set()),
        ("tests/cases/near/twos.py", {"two_loss"}, set()),
        ("tests/near/test_ones.py", set(), {"test_one", "test_other", "test_by_name"}),
        ("tests/far/numbers.npz", set(), {"TestThree", "test_readme"}),
        ("README.md", set(), {"test_readme"}),
        ("CHANGELOG.md", set(), set()),
        ("jaxloss/near/__init__.py", set(), set()),
    ],
)
def test_a_file_reaches_what_uses_it(suite: Suite, path: str, losses: set, functions: set) -> None:
    reach = suite.reach_of_files([path])
    assert losses_of(reach) == losses
    assert functions_of(reach) == functions


@pytest.mark.parametrize(
    "path",
    [f"jaxloss/{name}.py" for name in ("_floor/sums", "reductions/x", "inspect/laws/x")]
    + ["tests/conftest.py", "tests/test_laws.py"],
)
def test_the_floor_and_the_laws_reach_everything(suite: Suite, path: str) -> None:
    assert suite.reach_of_files(["CHANGELOG.md", path]) is None


def test_tests_of_the_whole_package_are_narrowed_to_the_losses_they_name(suite: Suite) -> None:
    reach = suite.reach([("jaxloss.near.ones", "one_loss")])
    law, whole = ("tests.test_laws", "test_law"), ("tests.test_package", "test_whole")
    assert reach.selects(law, "one_loss-eager]")
    assert not reach.selects(law, "two_loss-eager]")
    assert reach.selects(law, "")
    assert reach.selects(whole, "any other parameter]")
    assert reach.touches(Path("tests/near/test_ones.py"))
    assert not reach.touches(Path("tests/far/test_threes.py"))


@pytest.mark.parametrize(
    ("symbol", "tests"),
    [
        (("jaxloss.near.ones", "one_loss"), set()),
        (("jaxloss.far.threes", "three_loss"), {"test_facade"}),
    ],
    ids=["a loss", "a loss behind a facade"],
)
def test_a_loss_reaches_what_takes_the_whole_package(suite: Suite, symbol: tuple[str, str], tests: set[str]) -> None:
    """Neither tests of the laws, which are handed a loss, nor a tree that a test writes."""
    whole = {name for _, name in suite.reach([symbol]).whole}
    assert whole == tests | {"test_law", "test_registry", "test_whole", "test_program"}


def test_this_repository() -> None:
    """`huber_loss` is used by the tests of regression, and by its own Case among those of its file."""
    suite = Suite(ROOT)
    assert suite.names >= set(registry.losses())
    reach = suite.reach([("jaxloss.regression.huber", "huber_loss")])
    assert losses_of(reach) == {"huber_loss"}
    assert any(module.startswith("tests.regression.") for module, _ in reach.tests)
    assert not any(module.startswith("tests.vision.") for module, _ in reach.tests)
    # What no test reaches is dead code or hidden from the graph, and no mutant of it would be noticed.
    private = [(m.name, name) for m in targets(suite, None, False) for name in m.symbols if re.match("_[a-z]", name)]
    assert len(private) > 250
    reaches = {symbol: suite.reach([symbol]) for symbol in private}
    assert [symbol for symbol, reach in reaches.items() if not reach.cases and not reach.tests] == []


# ---- pytest --changed ------------------------------------------------------------------------------------------


def git(root: Path, *arguments: str) -> None:
    identity = ("-c", "user.name=one", "-c", "user.email=one@example.org", "-c", "commit.gpgsign=false")
    subprocess.run(["git", *identity, *arguments], cwd=root, check=True, capture_output=True)


def passed(root: Path, *options: str) -> tuple[set[str], str]:
    """The tests that pytest runs in a tree, and all that it prints."""
    command = [sys.executable, "-m", "pytest", "-v", "--rootdir", str(root), "-c", os.devnull, "-p", "no:cacheprovider"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(root), str(ROOT)]), "PYTHONDONTWRITEBYTECODE": "1"}
    plugin = ["-p", "chosen_by_git", "tests", *options]
    result = subprocess.run([*command, *plugin], cwd=root, env=environment, capture_output=True, text=True, check=False)
    lines = [line.split() for line in result.stdout.splitlines()]
    return {line[0].rpartition("::")[2] for line in lines if "PASSED" in line}, result.stdout + result.stderr


@pytest.fixture
def repository(root: Path, tmp_path: Path) -> Path:
    subprocess.run(["cp", "-r", f"{root}/.", str(tmp_path)], check=True)
    for folder in ("tests", "tests/cases", "tests/near", "tests/far", "tests/cases/near", "tests/cases/far"):
        (tmp_path / folder / "__init__.py").touch()
    # The package ``tests`` is that of the tree: the plugin of this repository goes by another name.
    (tmp_path / "chosen_by_git.py").write_text((ROOT / "tests" / "selection.py").read_text())
    git(tmp_path, "init", "-b", "main")
    git(tmp_path, "add", "-A")
    git(tmp_path, "commit", "-m", "first")
    return tmp_path


def change_three_loss(repository: Path) -> None:
    path = repository / "jaxloss" / "far" / "threes.py"
    path.write_text(path.read_text().replace("3 * x", "x * 3"))


def test_workers_draw_the_same_cases(repository: Path) -> None:
    """Each parses the command line anew; the controller, which draws the seed, says first what it found."""
    pytest.importorskip("xdist")
    path, more = repository / "jaxloss/near/ones.py", [f"loss_{i}" for i in range(40)]
    path.write_text(path.read_text() + f"__all__ += {more}\n" + "".join(f"def {name}(x): return x\n" for name in more))
    cases = f"def all_cases(): return {[*more, 'three_loss']}\n"
    (repository / "tests/cases/__init__.py").write_text(cases)
    git(repository, "commit", "-am", "second")
    change_three_loss(repository)
    _, said = passed(repository, "--changed", "-n", "2", "-qq", "-k", "test_law and not registry and not catch")
    assert "6 passed" in said
    first = said.splitlines()[0]
    assert first.startswith("1 files changed since HEAD reach 1 losses")
    assert said.count(first) == 2


def test_changed(repository: Path) -> None:
    change_three_loss(repository)
    laws = {f"test_law[{name}_loss]" for name in ("one", "other", "two", "three")}
    always = {"test_registry", "test_whole", "test_three", "test_program", "test_facade"}

    found, said = passed(repository, "--changed")
    assert found == always | laws  # one Case is reached, and the three others are the sample
    assert "1 files changed since HEAD reach 1 losses" in said
    assert "--changed-seed" in said
    git(repository, "commit", "-am", "second")
    assert "since HEAD~1 reach 1 losses" in passed(repository, "--changed")[1]
    git(repository, "switch", "-c", "branch")
    (repository / "tests" / "near" / "test_new.py").write_text("def test_new(): pass\n")
    git(repository, "add", "-A")
    git(repository, "commit", "-m", "third")
    assert passed(repository, "--changed")[0] == {"test_new"} | laws
    found, said = passed(repository, "--changed=nowhere")
    assert not found
    assert "'nowhere' is no commit here" in said
