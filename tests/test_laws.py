"""The laws over the Cases: every law of `jaxloss.inspect.laws` runs over every Case.

A law that cannot hold for a loss is named in the Case's ``exempt``, with the reason in words.
"""

from __future__ import annotations

import contextlib
from pathlib import Path

import chex
import jax
import jax.numpy as jnp
import pytest

from jaxloss.inspect.case import Case
from jaxloss.inspect.laws import LAWS, DoesNotApply, Law
from jaxloss.inspect.programs import defaults
from tests import dear
from tests.cases import all_cases, case_modules
from tests.registry import losses
from tests.support import selected_cases


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """One test per Case and law; the tests of a Case share compiled programs, so they run on one worker."""
    if "case" not in metafunc.fixturenames:
        return
    cases = selected_cases(metafunc.config)
    if "law" in metafunc.fixturenames:
        # A window of the full tier leaves no docstring out: its words change more often than its loss.
        options = metafunc.config.option
        everywhere = all_cases() if options.rotate is not None and not options.everything else cases
        of = lambda case: [law for law in LAWS.values() if case in cases or law.name == "example_runs"]
        metafunc.parametrize(("case", "law"), [_test(case, law) for case in everywhere for law in of(case)])
    else:
        metafunc.parametrize("case", [pytest.param(case, id=case.name, marks=_together(case)) for case in cases])


def _together(case: Case) -> pytest.MarkDecorator:
    return pytest.mark.xdist_group(case.name)


def _test(case: Case, law: Law):
    marks = [_together(case), *([pytest.mark.full] if law.full else [])]
    return pytest.param(case, law, id=f"{case.name}-{law.name}", marks=marks)


def test_law(case: Case, law: Law) -> None:
    if law.name in case.exempt:
        pytest.skip(f"cannot hold: {case.exempt[law.name]}")
    try:
        found = law(case)
    except DoesNotApply as reason:
        pytest.skip(f"does not apply: {reason}")
    assert not found, "\n".join(found)


@pytest.mark.full
def test_contract_cannot_be_switched_off(case: Case) -> None:
    """chex words our assertions; whether they are made is not for its switch to decide."""
    chex.disable_asserts()
    try:
        for name in ("refuses_shapes_that_differ", "refuses_wrong_dtypes", "refuses_a_wrong_tail"):
            with contextlib.suppress(DoesNotApply):
                assert not (found := LAWS[name](case)), f"{name}: " + "\n".join(found)
    finally:
        chex.enable_asserts()


@pytest.mark.xdist_group("together")
def test_workers_keep_groups_together(request: pytest.FixtureRequest) -> None:
    """Else every worker traces and compiles the programs that the laws of a Case share."""
    if not hasattr(request.config, "workerinput"):
        pytest.skip("one process")
    assert request.node.nodeid.endswith("@together"), "run with --dist loadgroup, and a pytest that has groups"


def test_every_loss_has_one_case() -> None:
    cases = [case.name for case in all_cases()]
    assert not (without := set(losses()) - {*cases}), f"public losses without a Case in tests/cases: {without}"
    assert not (unknown := {*cases} - set(losses())), f"Cases of what is no public loss: {unknown}"
    assert len(cases) == len(set(cases)), "a loss with two Cases"


def test_exemptions_name_laws() -> None:
    for case in all_cases():
        assert set(case.exempt) <= set(LAWS), case.name
        assert all(len(reason.split()) >= 3 for reason in case.exempt.values()), case.name


def test_what_is_dear_exists() -> None:
    assert not (unknown := dear.CASES - {case.name for case in all_cases()}), f"not losses: {unknown}"
    assert not (unknown := dear.LAWS - set(LAWS)), f"not laws: {unknown}"
    files = {path.name for path in Path(__file__).parent.rglob("test_*.py")}
    assert not (unknown := dear.FILES - files), f"not files: {unknown}"


def test_default_options_are_those_of_users() -> None:
    """`product_in_front` asks for the compiler of users, whatever flags this process has."""
    numbers = jnp.arange(64.0)
    program = jax.jit(lambda x: jnp.sum(jnp.exp(x * 0.3)) + jnp.max(jnp.sin(x)), compiler_options=defaults())
    assert "wrapped_" in program.lower(numbers).compile().as_text(), "the fusion emitters are off"


def test_cases_lie_where_their_losses_do() -> None:
    """The Case of ``jaxloss/<family>/.../<module>.py`` is in ``tests/cases/<family>/<module>.py``."""
    wrong = []
    for module in case_modules():
        for case in module.CASES:
            family, *_, home = case.fn.__module__.split(".")[1:]
            if module.__name__ != (place := f"tests.cases.{family}.{home.lstrip('_')}"):
                wrong.append(f"{case.name} is in {module.__name__} and belongs in {place}")
    assert not wrong, "\n".join(wrong)
