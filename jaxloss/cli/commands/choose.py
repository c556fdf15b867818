"""``jaxloss choose``: which loss for a task and its traits."""

from __future__ import annotations

from collections.abc import Sequence

from jaxloss.cli.output import print_json, print_table, print_text, width
from jaxloss.cli.wrong_use import WrongUse, what_users_say
from jaxloss.inspect import choosing

__all__ = ["run"]

STYLES = {
    r"(?m)^\d+\. .*$": "bold",
    r"(?m)^   Warning:": "yellow",
    r"(?m)^ {4,}\S.*$": "green",
    r"https?://\S+": "underline",
}


def run(task: str | None, traits: Sequence[str], json: bool) -> int:
    if task is None:
        if traits:
            raise WrongUse("a trait needs a task; `jaxloss choose` lists the tasks")
        return _print_words(json)
    with what_users_say():
        choice = choosing.choose(task, traits)
    if json:
        print(choice.json())
    else:
        print_text(choice.text(width()), STYLES)
    return 0


def _print_words(json: bool) -> int:
    tasks, traits = choosing.tasks(), choosing.traits()
    if json:
        print_json({"tasks": dict(tasks), "traits": dict(traits)})
        return 0
    print_table(("task", "what it is"), list(tasks.items()))
    print()
    print_table(("trait", "what it means"), list(traits.items()))
    return 0
