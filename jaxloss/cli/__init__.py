"""The command line: ``jaxloss demo`` and ``jaxloss names``."""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Sequence
from typing import NoReturn

__all__ = ["main"]


class _Parser(argparse.ArgumentParser):
    """Errors on one line, with exit code 2."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: error: {message} (see {self.prog} --help)\n")


def _whole_number(least: int):
    def parse(text: str) -> int:
        if not text.removeprefix("-").isdigit() or int(text) < least:
            raise argparse.ArgumentTypeError(f"{text!r} is not a whole number >= {least}")
        return int(text)

    return parse


def _parser() -> _Parser:
    parser = _Parser(prog="jaxloss", description="Loss functions for JAX under one contract.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="command")
    demo = commands.add_parser(
        "demo",
        help="train a two-headed network on handwritten digits with a composed objective",
        description="Train a two-headed Flax network on scikit-learn's digits with a composed objective, print every "
        "term and the test accuracy, and draw one picture.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    demo.add_argument("--steps", type=_whole_number(1), default=1200, help="optimiser steps")
    demo.add_argument("--seed", type=_whole_number(0), default=0, help="seed of the split, the weights and the batches")
    demo.add_argument("--out", default="jaxloss-demo.png", help="where to write the picture, a .png file")
    names = commands.add_parser(
        "names",
        help="print which jaxloss function stands for which name of PyTorch, Keras, optax or TensorFlow",
        description="Print what to write for one name, or a Markdown page of all: names of other libraries, ours, and "
        "the differences.",
    )
    names.add_argument("name", nargs="?", help="a name to look up, such as cross_entropy or nn.MSELoss; all by default")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        arguments: Words of the command line without the program's name; None takes those of the process.

    Returns:
        The exit code: 0, or 2 for an error that the user can mend, said on one line.
    """
    options = vars(_parser().parse_args(arguments))
    command = options.pop("command")
    try:
        return importlib.import_module(f"jaxloss.cli.{command}").run(**options)
    except ModuleNotFoundError as missing:
        failure = f"{missing.name} is not installed; pip install 'jaxloss[demo]'"
    except OSError as error:
        failure = str(error)
    print(f"jaxloss {command}: error: {failure}", file=sys.stderr)
    return 2
