"""What other libraries call these losses: the AttributeError for a foreign name, and the migration page.

One TOML file per library. They are read when a name is asked for that jaxloss does not have, never before.
"""

from __future__ import annotations

import sys
from typing import NoReturn

__all__ = ["no_such_name"]


def no_such_name(module: str, name: str) -> NoReturn:
    """Raise the AttributeError for ``module.name``: it says what to write instead, where that is known."""
    message = f"{module} has no `{name}`."
    if not name.startswith("_"):
        from jaxloss.names.help import explain

        message = explain(module, name)
    # With ``obj`` and without ``name`` Python adds no guess of its own to the message.
    raise AttributeError(message, obj=sys.modules[module])
