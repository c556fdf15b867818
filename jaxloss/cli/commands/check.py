"""``jaxloss check``: a loss in a file of the user's own, under the laws of the library."""

from __future__ import annotations

import contextlib
import difflib
import importlib.util
import json as json_module
import sys
import textwrap
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from jaxloss.cli.commands.card import STYLES
from jaxloss.cli.output import advancing, print_json, print_text, width, working
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
        fn = user_function(loss)
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


def user_function(path: str) -> Callable[..., Any]:
    """The function under ``FILE.py:function``; the file is imported, beside its neighbours."""
    file, colon, name = path.rpartition(":")
    if not (colon and file and name.isidentifier()):
        raise WrongUse(f"write FILE.py:function, such as my_losses.py:my_loss; found {path!r}")
    source = Path(file).resolve()
    if not source.is_file():
        raise WrongUse(f"{file} does not exist")
    spec = importlib.util.spec_from_file_location(source.stem, source)
    if spec is None or spec.loader is None:
        raise WrongUse(f"{file} is not a Python file: its name must end in .py")
    module = importlib.util.module_from_spec(spec)
    sys.path.insert(0, str(source.parent))
    try:
        spec.loader.exec_module(module)
    except Exception as error:  # whatever a file of the user's raises
        raise WrongUse(f"{file} cannot be imported: {type(error).__name__}: {error}") from error
    finally:
        sys.path.remove(str(source.parent))
    found = getattr(module, name, None)
    if callable(found):
        return found
    functions = [each for each, member in vars(module).items() if callable(member) and not each.startswith("_")]
    close = difflib.get_close_matches(name, functions, 3) or functions
    raise WrongUse(f"{file} has no function {name!r}; it has {', '.join(close) or 'none'}")


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
