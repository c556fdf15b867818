"""Every command of the command line, as a reader at a terminal meets it: a pseudo-terminal of 60 and of 100 columns."""

from __future__ import annotations

import fcntl
import os
import re
import struct
import sys
import termios
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

import jaxloss
from jaxloss import cli
from jaxloss.cli import output
from jaxloss.cli.commands import check
from jaxloss.inspect.cards import cards
from jaxloss.inspect.checking import Report

pytest.importorskip("rich")

COLOUR = re.compile(r"\x1b\[(?:[0-9;]*;)?(?:3[0-8]|9[0-7])[0-9;]*m")
ESCAPE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")

Session = Callable[[str | Callable[[], int], int], tuple[int, str]]


@pytest.fixture
def session(monkeypatch: pytest.MonkeyPatch) -> Session:
    """Runs a command or a function at a terminal of some columns: its exit code and all that the terminal is sent."""
    for name in ("COLUMNS", "NO_COLOR", "FORCE_COLOR", "JPY_PARENT_PID"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")

    def run(action: str | Callable[[], int], columns: int) -> tuple[int, str]:
        ours, theirs = os.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        sent: list[bytes] = []

        def read() -> None:
            while not sent or not sent[-1].endswith(b"\x04"):
                sent.append(os.read(ours, 4096))

        reader = threading.Thread(target=read)
        reader.start()
        with os.fdopen(theirs, "w") as terminal, monkeypatch.context() as patch:
            patch.setattr(sys, "stdout", terminal)
            patch.setattr(sys, "stderr", terminal)
            try:
                code = cli.main(action.split()) if isinstance(action, str) else action()
            except SystemExit as stop:
                code = int(str(stop.code or 0))
            terminal.flush()
            os.write(terminal.fileno(), b"\x04")
            reader.join(timeout=20)
        os.close(ours)
        return code, b"".join(sent)[:-1].decode().replace("\r\n", "\n")

    return run


LOOKING = {
    "--version": "jaxloss",
    "list --family penalties": "l2_penalty",
    "show huber_loss": "Names elsewhere:",
    "card huber_loss": "PROVED",
    "compare squared_error huber_loss": "differ",
    "find --convex --bounded-gradient --task regression": "huber_loss",
    "find": "--redescending",
    "choose --task segmentation --trait imbalance=0.01": "Which loss for segmentation?",
    "choose": "imbalance",
}
"""What prints, and a word of it."""
AS_THEY_STAND = re.compile(r"https?://|\\|>>>|^ {4,}\S")
"""Links, formulas and calls, which can be copied and are never broken."""


@pytest.mark.parametrize("columns", [60, 100])
@pytest.mark.parametrize("words", LOOKING)
def test_what_is_printed_fits_the_terminal(words: str, columns: int, session: Session) -> None:
    code, sent = session(words, columns)
    assert code == 0
    page = ESCAPE.sub("", sent)
    assert LOOKING[words] in page
    verbatim = words.startswith(("show", "choose --task"))
    lines = [line for line in page.splitlines() if not (verbatim and AS_THEY_STAND.search(line))]
    assert max(map(len, lines)) <= columns


def test_narrow_tables_keep_every_name_whole(session: Session) -> None:
    lines = ESCAPE.sub("", session("list", 60)[1]).splitlines()[1:]
    assert sorted(line.split()[0] for line in lines if not line.startswith(" ")) == sorted(cards())


def test_colours_are_for_terminals_that_want_them(session: Session, monkeypatch, capsys) -> None:
    assert COLOUR.search(session("card huber_loss", 100)[1])
    monkeypatch.setenv("NO_COLOR", "1")
    plain = session("card huber_loss", 100)[1]
    assert not COLOUR.search(plain)
    monkeypatch.delenv("NO_COLOR")
    assert cli.main(["card", "huber_loss"]) == 0
    piped = capsys.readouterr().out
    assert "\x1b" not in piped
    assert ESCAPE.sub("", plain) == piped


@pytest.mark.parametrize("columns", [60, 100])
def test_what_check_finds_fits_the_terminal(columns: int, session: Session, monkeypatch, tmp_path: Path) -> None:
    card = cards()["welsch_loss"]
    report = Report("loss", "a loss " * 20, card, {"law": ["it broke " * 20]}, {}, ("mend " * 30,), jaxloss.welsch_loss)
    monkeypatch.setattr(check, "check_loss", lambda *_, **__: report)
    (tmp_path / "own.py").write_text("def loss(r):\n    return r\n")
    words = f"check {tmp_path}/own.py:loss --kind residual --require convex --require gross_error_sensitivity"
    code, sent = session(words, columns)
    assert code == 1
    page = re.split("checking loss", ESCAPE.sub("", sent))[-1]
    assert "REQUIRED convex is REFUTED" in page
    assert "BROKEN   law: it broke" in page
    assert max(map(len, page.splitlines())) <= columns


def test_columns_overrule_the_terminal(session: Session, monkeypatch) -> None:
    monkeypatch.setenv("COLUMNS", "70")
    longest = max(map(len, ESCAPE.sub("", session("card huber_loss", 120)[1]).splitlines()))
    assert 60 < longest <= 70


@pytest.mark.parametrize("columns", [60, 100])
def test_brackets_are_no_markup(columns: int, session: Session) -> None:
    def action() -> int:
        output.print_table(("name", "family", "what"), [("[bold]a", "x" * 20, "on [-50, 50] [/bold]")])
        output.print_text("[red]b on [0, 1]", {})
        return 0

    page = ESCAPE.sub("", session(action, columns)[1])
    assert "[bold]a" in page
    assert "on [-50, 50] [/bold]" in page
    assert "[red]b on [0, 1]" in page


def test_a_picture_is_announced_while_it_is_made(session: Session, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    code, sent = session(f"plot squared_error --out {tmp_path}/p.png", 60)
    assert code == 0
    assert "computing the curves" in sent
    assert (tmp_path / "p.png").exists()


def test_rich_is_asked_for_at_a_terminal_only(session: Session, monkeypatch, capsys) -> None:
    monkeypatch.setitem(sys.modules, "rich.text", None)
    code, sent = session("card huber_loss", 100)
    assert code == 2
    assert "rich is not installed; pip install 'jaxloss[cli]'" in sent
    assert cli.main(["card", "huber_loss"]) == 0
    assert capsys.readouterr().out.startswith("huber_loss(")
