"""The words of the command line."""

from __future__ import annotations

import argparse
import re
import sys
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, NoReturn

from jaxloss.cli.words import length, numbers, value, whole_number, whole_numbers

__all__ = ["parse"]


class _Help(argparse.HelpFormatter):
    """Fills paragraphs to the width of the terminal, and leaves examples, which are indented, as they stand."""

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        lines = [line if line.startswith("  ") else textwrap.fill(line, width) for line in text.split("\n")]
        return "\n".join(indent + line for line in "\n".join(lines).split("\n"))


class _Parser(argparse.ArgumentParser):
    """Errors on one line, with exit code 2; options are written out."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(allow_abbrev=False, formatter_class=_Help, **settings)

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: error: {message} (see {self.prog} --help)\n")


class _Command(_Parser):
    """The parser of one command.

    Some take options that are not declared here, since the losses know their names: ``--delta 2`` or ``--convex``.

    Attributes:
        free: Whether undeclared options are refused (None), have ``"values"``, or are ``"flags"``: True, or False after
            ``--not-``.
    """

    free: Literal["values", "flags"] | None = None

    def __init__(self, **settings: Any) -> None:
        self._declared: set[str] = set()
        super().__init__(**settings)

    def add_argument(self, *names: Any, **settings: Any) -> argparse.Action:
        action = super().add_argument(*names, **settings)
        self._declared.update(action.option_strings)
        return action

    def split(self, words: list[str]) -> tuple[list[str], dict[str, Any]]:
        """The words that argparse knows, and the parameters."""
        declared: list[str] = []
        parameters: dict[str, Any] = {}
        while words:
            word = words.pop(0)
            name, equals, text = word.partition("=")
            if not re.fullmatch(r"--[A-Za-z][\w-]*", name) or name in self._declared:
                declared.append(word)
            elif self.free == "flags":
                wanted = not name.startswith("--not-")
                parameters[_identifier(name if wanted else name.removeprefix("--not"))] = wanted
            elif equals:
                parameters[_identifier(name)] = value(text)
            elif words and not words[0].startswith("--"):
                parameters[_identifier(name)] = value(words.pop(0))
            else:
                self.error(f"argument {name}: expected a value")
        return declared, parameters


def _identifier(option: str) -> str:
    return option.lstrip("-").replace("-", "_")


def _version() -> str:
    """Read as text: to import jaxloss is to import jax."""
    source = (Path(__file__).parent.parent / "__init__.py").read_text(encoding="utf-8")
    found = re.search(r'^__version__ = "(.+)"$', source, re.MULTILINE)
    return found[1] if found else "unknown"


class _Commands:
    """Adds commands of one form: a line of help, a description and examples."""

    def __init__(self, root: _Parser) -> None:
        self._commands = root.add_subparsers(dest="command", required=True, metavar="command", parser_class=_Command)
        self.known: dict[str, _Command] = {}

    def add(
        self, name: str, help: str, *examples: str, free: Literal["values", "flags"] | None = None, more: str = ""
    ) -> _Command:
        made = self._commands.add_parser(
            name,
            help=help,
            description="\n\n".join(filter(None, [f"{help[:1].upper()}{help[1:].rstrip('., ')}.", more])),
            epilog="\n  ".join(["examples:" if len(examples) > 1 else "example:", *examples]),
        )
        made.add_argument("--json", action="store_true", help="print JSON")
        made.free = free
        self.known[name] = made
        return made


def parse(words: Sequence[str] | None = None) -> argparse.Namespace:
    """The words of the command line as a ``command`` and its options.

    Args:
        words: Without the program's name; None takes those of the process.

    Returns:
        Options by name; of commands that take hyperparameters or rows, these are a dictionary, ``parameters``.

    Raises:
        SystemExit: After ``--help`` and ``--version`` with code 0, and for words that no command takes with code 2.
    """
    rest = list(sys.argv[1:] if words is None else words)
    root, commands = _parsers()
    chosen = commands.get(rest[0]) if rest else None
    if chosen is None or chosen.free is None:
        return root.parse_args(rest)
    declared, parameters = chosen.split(rest[1:])
    return root.parse_args([rest[0], *declared], argparse.Namespace(parameters=parameters))


def _parsers() -> tuple[_Parser, dict[str, _Command]]:
    """The parser of the whole command line, and those of the commands by name."""
    root = _Parser(
        prog="jaxloss",
        description="Loss functions for JAX under one contract: look them up, compare, choose and check them.",
        epilog="Exit codes: 0 fine, 1 a check that failed or nothing found, 2 wrong use.\n\n"
        "example:\n  jaxloss choose --task segmentation --trait imbalance=0.01",
    )
    root.add_argument("--version", action="version", version=f"jaxloss {_version()}")
    commands = _Commands(root)
    _add_looking(commands)
    _add_cards(commands)
    _add_deciding(commands)
    _add_bench(commands)
    demo = commands.add(
        "demo",
        "train a two-headed network on handwritten digits with a composed objective",
        "jaxloss demo --steps 300 --out digits.png",
        more="It prints every term and the test accuracy, and draws one picture.",
    )
    demo.add_argument("--steps", type=whole_number(1), default=1200, help="optimiser steps (default 1200)")
    demo.add_argument("--seed", type=whole_number(0), default=0, help="seed of split, weights and batches (default 0)")
    demo.add_argument("--out", default="jaxloss-demo.png", help="the picture, a .png file (default jaxloss-demo.png)")
    return root, commands.known


def _add_looking(commands: _Commands) -> None:
    listing = commands.add(
        "list",
        "list the losses: name, family, first line of the docstring",
        "jaxloss list --family regression",
        'jaxloss list --grep "label noise"',
    )
    listing.add_argument("--family", help="only one family, such as regression")
    listing.add_argument("--grep", metavar="WORD", help="only losses with WORD in their name or docstring")
    show = commands.add(
        "show",
        "show one function: signature, docstring, module, and its names in other libraries",
        "jaxloss show huber_loss",
        "jaxloss show combine.pcgrad",
    )
    show.add_argument("name", help="a function of jaxloss; a name of another library is answered with ours")
    names = commands.add(
        "names",
        "say which function of jaxloss stands for a name of PyTorch, Keras, optax or TensorFlow",
        "jaxloss names F.cross_entropy",
        "jaxloss names > migration.md",
        more="Without a name: a Markdown page of all names, ours, and the differences.",
    )
    names.add_argument("name", nargs="?", help="a name, such as cross_entropy or nn.MSELoss; all by default")


def _add_cards(commands: _Commands) -> None:
    parameters = "Options that are not listed are hyperparameters of the loss, such as --delta 2."
    card = commands.add(
        "card",
        "print the property card of a loss: convex, bounded gradient, efficient, proper, ...",
        "jaxloss card huber_loss",
        "jaxloss card huber_loss --delta 2.0",
        free="values",
        more=f"{parameters} With them the card is computed now, which takes seconds.",
    )
    card.add_argument("name", help="a loss")
    plot = commands.add(
        "plot",
        "draw value, slope and curvature of losses, one above the other",
        "jaxloss plot huber_loss --delta 0.5,1,2 --out huber.svg",
        "jaxloss plot squared_error huber_loss welsch_loss",
        free="values",
        more=f"{parameters} Several values with commas between them give several curves.",
    )
    plot.add_argument("losses", nargs="+", metavar="NAME", help="a loss of one number per example")
    plot.add_argument(
        "--domain", type=numbers, default=(-4.0, 4.0), metavar="LOW,HIGH", help="what to draw (default --domain=-4,4)"
    )
    plot.add_argument("--out", default="jaxloss-plot.png", help="a .png, .svg or .pdf file (default jaxloss-plot.png)")
    compare = commands.add(
        "compare",
        "print property cards side by side, the rows that differ first",
        "jaxloss compare squared_error huber_loss",
        "jaxloss compare huber_loss --delta 1,2",
        free="values",
        more=f"{parameters} Several values with commas between them give several cards.",
    )
    compare.add_argument("losses", nargs="+", metavar="NAME", help="a loss")


def _add_deciding(commands: _Commands) -> None:
    find = commands.add(
        "find",
        "find losses by what their property cards say",
        "jaxloss find --convex --bounded-gradient --task regression",
        "jaxloss find --redescending --not-convex",
        free="flags",
        more="Options that are not listed are rows of the cards: --convex asks for losses that are known to be "
        "convex, --not-convex for losses that are known not to be. Without options: the rows that can be asked for.",
    )
    find.add_argument("--task", help="only one family, such as regression")
    choose = commands.add(
        "choose",
        "choose a loss for a task and its traits",
        "jaxloss choose --task segmentation --trait imbalance=0.01 --trait outliers",
        more="Without a task: the tasks and the traits.",
    )
    choose.add_argument("--task", help="what the model does, such as segmentation")
    choose.add_argument(
        "--trait",
        action="append",
        default=[],
        dest="traits",
        metavar="TRAIT",
        help="what is special, such as outliers or imbalance=0.01; may be repeated",
    )
    check = commands.add(
        "check",
        "check a loss of your own: its property card and the laws of the library",
        "jaxloss check my_losses.py:ripple --kind residual --require convex",
        more="The exit code is 1 if a law is broken or a required row does not hold.",
    )
    check.add_argument("loss", metavar="FILE.py:function", help="where the loss is")
    check.add_argument("--kind", required=True, help="what its number is: residual, margin, logit, ...")
    check.add_argument("--require", action="append", default=[], metavar="ROW", help="a row of the card that must hold")
    check.add_argument("--kinks", type=numbers, default=(), metavar="X,...", help="where the slope may jump")
    check.add_argument("--domain", type=numbers, metavar="LOW,HIGH", help="the interval that proofs are about")
    check.add_argument("--thorough", action="store_true", help="every float32 input, too: minutes")


def _add_bench(commands: _Commands) -> None:
    bench = commands.add(
        "bench",
        "time losses beside each other, and ask the compilers for memory, bytes and FLOPs",
        "jaxloss bench huber_loss --size 1e6 --where",
        "jaxloss bench softmax_cross_entropy_with_integer_labels --axis K=32768 --label-smoothing 0.1 --tpu v5e",
        "jaxloss bench squared_error my_losses:mine --out bench.png",
        free="values",
        more="What computes the same loss is compared with the first: values and gradients must agree before anything "
        "is timed. A loss of jaxloss brings its plain formula, and optax where it has the loss. Options that are not "
        "listed are hyperparameters, such as --label-smoothing 0.1.",
    )
    bench.add_argument(
        "losses",
        nargs="+",
        metavar="LOSS",
        help="a loss of jaxloss, or your own as module:function or FILE.py:function",
    )
    add = bench.add_argument
    add("--inputs", metavar="MODULE:FUNCTION", help="a function that returns the arguments; it may take the size")
    add("--size", type=whole_numbers(1), default=(), metavar="N,...", help="how many examples; several with commas")
    add("--grow", action="store_true", help="go on with sizes that grow fourfold until the machine is full")
    add(
        "--axis", type=length, action="append", default=[], metavar="K=N", help="the length of an axis; may be repeated"
    )
    add("--dtype", default="float32", choices=("float32", "bfloat16", "float16"), help="of the inputs (float32)")
    add("--where", action="store_true", help="with a mask")
    add("--weights", action="store_true", help="with a weight for every example")
    add("--argnums", type=whole_numbers(0), metavar="0,...", help="which arguments are differentiated")
    add("--tpu", default="", metavar="v5e,...", help="TPU generations to compile for, without a TPU; all: every one")
    add("--rounds", type=whole_number(1), default=9, help="how often each is timed (9)")
    add("--no-peers", action="store_true", help="without the plain formula and optax")
    add("--differ", action="store_true", help="time what disagrees with the first, too")
    add("--out", metavar="FILE", help="draw a chart: a .png, .svg or .pdf file")
