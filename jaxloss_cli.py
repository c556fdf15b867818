"""The ``jaxloss`` command.

It stands outside the package since to import any part of `jaxloss` is to import jax, and ``--help``, ``--version`` and
a mistyped word need neither.
"""

import runpy
from importlib.util import find_spec
from pathlib import Path

__all__ = ["main"]


def main() -> int:
    """Run one command; see `jaxloss.cli.main`."""
    package = find_spec("jaxloss")  # finds it without importing it
    folder = Path(str(package and package.origin)).parent
    options = runpy.run_path(str(folder / "cli" / "parser.py"))["parse"]()

    from jaxloss.cli import run

    return run(options)
