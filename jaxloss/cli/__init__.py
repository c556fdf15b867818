"""The command line ``jaxloss``: every command is the module of its name, imported when it is used."""

from __future__ import annotations

import importlib
import io
import os
import sys
from collections.abc import Sequence

from jaxloss.cli.parser import parse
from jaxloss.cli.wrong_use import WrongUse

__all__ = ["main"]

EXTRAS = {"rich": "cli"}
"""Optional package to the extra that brings it; the others are in ``demo``."""
CLOSED_PIPE = 141
"""What shells report for a program whose reader went away."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        arguments: Words of the command line without the program's name; None takes those of the process.

    Returns:
        The exit code: 0, 1 for a check that failed or nothing found, or 2 for an error that the user can mend, said
        without a traceback.
    """
    words = vars(parse(arguments))
    command = words.pop("command")
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # not every terminal has the letters in the names of authors
    try:
        code = importlib.import_module(f"jaxloss.cli.commands.{command}").run(**words)
        sys.stdout.flush()
        return code
    except BrokenPipeError:
        # Python writes what is left at its end; it must go somewhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return CLOSED_PIPE
    except ModuleNotFoundError as missing:
        package = (missing.name or "").partition(".")[0]
        if package == "jaxloss":
            raise
        failure = f"{package} is not installed; pip install 'jaxloss[{EXTRAS.get(package, 'demo')}]'"
    except KeyboardInterrupt:
        return 130
    except (OSError, WrongUse) as error:
        failure = str(error)
    print(f"jaxloss {command}: error: {failure}", file=sys.stderr)
    return 2
