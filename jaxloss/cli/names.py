"""``jaxloss names``: the migration page, or what jaxloss says to one name."""

from __future__ import annotations

import inspect

from jaxloss.names import public_modules
from jaxloss.names.page import markdown_page


def run(name: str | None) -> int:
    print(markdown_page() if name is None else answer(name))
    return 0


def answer(path: str) -> str:
    """What jaxloss has under a name, or says to it: ``mse_loss``, ``nn.MSELoss``, ``reductions.token_mean``."""
    owner, _, name = path.removeprefix("jaxloss.").rpartition(".")
    root, *others = public_modules()
    home = next((module for module in others if module.__name__ == f"jaxloss.{owner}"), root)
    try:
        found = getattr(home, name)
    except AttributeError as advice:
        return str(advice)
    summary = (inspect.getdoc(found) or "").partition("\n")[0]
    return f"{home.__name__}.{name}: {summary}"
