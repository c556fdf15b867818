"""Several losses, or one loss with several values of one hyperparameter, as columns or curves of one command."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from jaxloss.cli.lookup import loss_named
from jaxloss.cli.wrong_use import WrongUse, what_users_say
from jaxloss.inspect.cards import vector_view, view

__all__ = ["Setting", "settings"]


class Setting(NamedTuple):
    """A loss with some of its hyperparameters chosen."""

    label: str
    fn: Callable[..., Any]
    parameters: Mapping[str, Any]


def settings(names: Sequence[str], parameters: Mapping[str, Any]) -> list[Setting]:
    """Every loss, with every value of the one hyperparameter that has several; a tuple is several values."""
    several = [name for name, value in parameters.items() if isinstance(value, tuple)]
    if len(several) > 1:
        raise WrongUse(f"only one hyperparameter may have several values; found {', '.join(several)}")
    choices = [{**parameters, name: value} for name in several for value in parameters[name]] or [dict(parameters)]
    losses = [loss_named(name) for name in dict.fromkeys(names)]
    found = []
    for fn in losses:
        for chosen in choices:
            with what_users_say():  # a wrong name or value, before any work is done
                view(fn, **chosen)
                vector_view(fn, **chosen)
            words = ", ".join(f"{name}={value}" for name, value in chosen.items())
            found.append(Setting(f"{fn.__name__}({words})" if words else fn.__name__, fn, chosen))
    return found
