"""``jaxloss check``: a loss in a file of the user's own, under the laws of the library."""

from __future__ import annotations

import contextlib
import difflib
import json as json_module
import sys
import textwrap
from collections.abc import Sequence
from typing import Any

from jaxloss.cli.commands.card import STYLES
from jaxloss.cli.output import advancing, print_json, print_text, width, working
from jaxloss.cli.own import function_in_file
from jaxloss.cli.wrong_use import WrongUse, what_users_say
from jaxloss.inspect.checking import Report, check_loss
from jaxloss.inspect.checking.inputs import INPUTS, OwnKind

__all__ = ["run"]

MORE_STYLES = {r"(?m)^(BROKEN|REQUIRED)": "red", r"(?m)^ADVICE": "bold"}


def run(
    loss: str,
    kind: str,
    require: Sequence[str],
    kinks: Sequence[float],
    domain: Any,
    thorough: bool,
    json: bool,
) -> int:
    kinds: dict[str, OwnKind] = {each: each for each in INPUTS}
    if kind not in kinds:
        listed = "\n".join(f"  {name}: {inputs.meaning}" for name, inputs in INPUTS.items())
        raise WrongUse(f"--kind says what the first argument of the loss is; found {kind!r}, kinds are\n{listed}")
    with contextlib.redirect_stdout(sys.stderr):  # the answer is not mixed with what the user's file prints
        fn = function_in_file(loss)
        on = f"checking {fn.__name__}"
        with what_users_say(), advancing(on) if thorough else working(on) as progress:
            report = check_loss(fn, kind=kinds[kind], kinks=kinks, domain=domain, thorough=thorough, progress=progress)
            failures = _failures(report, require)
    if json:
        print_json(_fields(report, failures))
    else:
        columns = width()
        wrapped = [textwrap.fill(line, columns, subsequent_indent=" " * len("REQUIRED ")) for line in failures]
        print_text("\n".join([report.text(columns), *wrapped]), STYLES | MORE_STYLES)
    return 1 if report.broken or failures else 0


def _failures(report: Report, require: Sequence[str]) -> list[str]:
    """A line for every required row that does not hold."""
    failures = []
    for name in (option.replace("-", "_") for option in require):
        if name not in report.verdicts:
            close = difflib.get_close_matches(name, report.verdicts, 3)
            listed = f"did you mean {' or '.join(close)}?" if close else f"rows are {', '.join(report.verdicts)}"
            raise WrongUse(f"the card has no row {name!r}; {listed}")
        verdict = report.verdicts[name]
        if not verdict.holds:
            failures.append(f"REQUIRED {name} is {verdict.word}: {verdict.statement}")
    return failures


def _fields(report: Report, failures: Sequence[str]) -> dict[str, Any]:
    return {
        "name": report.name,
        "read_as": report.form,
        "card": json_module.loads(report.card.json()),
        "broken": dict(report.broken),
        "holding": [name for name, found in report.laws.items() if not found],
        "not_asked": dict(report.skipped),
        "advice": list(report.advice),
        "failures": list(failures),
    }
