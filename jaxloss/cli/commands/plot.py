"""``jaxloss plot``: value, slope and curvature of losses, one above the other, in one picture."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from jaxloss.cli.many import Setting, settings
from jaxloss.cli.output import print_json, working
from jaxloss.cli.pictures import writable
from jaxloss.cli.wrong_use import WrongUse, what_users_say
from jaxloss.inspect.cards import view
from jaxloss.inspect.cards.reading.probing import jumps
from jaxloss.inspect.cards.rows.sampling import curve
from jaxloss.inspect.subject import Subject

__all__ = ["run"]

POINTS = 1601
PLACES = (-1.0, 0.0, 1.0)
"""Where kinks are looked for beside those that a subject declares."""
AXES: Mapping[str, str] = {
    "residual": "residual: prediction minus target",
    "margin": "score: positive is right",
    "logit": "score: positive is right",
    "prediction": "prediction",
    "penalty": "parameter",
}
"""Kind of a loss to the horizontal axis. Losses with one axis share a picture."""
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#000000", "#888888")
"""The palette of Okabe and Ito, which can be told apart with any kind of colour vision."""
DASHES = ("-", "--", "-.", ":")
"""Curves that lie on each other show through the gaps."""
LETTERS = 88
"""How many fit into a line of the legend."""
SUFFIXES = (".png", ".svg", ".pdf")


class Line(NamedTuple):
    """One curve of each of the three axes."""

    label: str
    numbers: np.ndarray
    rows: tuple[np.ndarray, np.ndarray, np.ndarray]


def run(losses: Sequence[str], parameters: Mapping[str, Any], domain: Sequence[float], out: str, json: bool) -> int:
    if len(domain) != 2 or not domain[0] < domain[1]:
        raise WrongUse(f"--domain must be two numbers in rising order, such as --domain=-4,4; found {domain!r}")
    chosen = settings(losses, parameters)
    picture = writable(out, SUFFIXES)
    import matplotlib.figure  # before the curves are computed: it may be missing

    del matplotlib
    found = [pair for setting in chosen for pair in _subjects(setting)]
    axis = _one_axis([subject for _, subject in found], chosen)
    with working("computing the curves"):
        lines = [_line(label, subject, domain) for label, subject in found]
    _draw(lines, axis, picture)
    if json:
        print_json({"picture": str(picture), "axis": axis, "curves": [line.label for line in lines]})
    else:
        print(f"picture: {picture}")
    return 0


def _subjects(setting: Setting) -> Iterator[tuple[str, Subject]]:
    """The views of a loss as a function of one number, with what tells them apart."""
    with what_users_say():
        found = view(setting.fn, **setting.parameters)
    if found is None:
        raise WrongUse(
            f"{setting.fn.__name__} is not a function of one number per example and cannot be drawn as a curve"
        )
    for subject in found.subjects:
        yield setting.label + subject.name.removeprefix(setting.fn.__name__), subject


def _one_axis(subjects: Sequence[Subject], chosen: Sequence[Setting]) -> str:
    axes = dict.fromkeys(AXES[subject.kind] for subject in subjects)
    if len(axes) > 1:
        names = ", ".join(dict.fromkeys(setting.fn.__name__ for setting in chosen))
        raise WrongUse(f"{names} cannot share a picture: they are functions of {' and of '.join(axes)}")
    return next(iter(axes))


def _line(label: str, subject: Subject, domain: Sequence[float]) -> Line:
    low, high = max(subject.domain[0], domain[0]), min(subject.domain[1], domain[1])
    if not low < high:
        raise WrongUse(f"{label} is drawn on [{subject.domain[0]:g}, {subject.domain[1]:g}]: choose --domain inside")
    numbers = np.linspace(low, high, POINTS)
    places = sorted({*PLACES, *subject.kinks, subject.best} - {np.inf})
    found = curve(subject.fn)
    rows = found.values(numbers), found.slopes(numbers), found.curvatures(numbers)
    for kink in jumps(subject.fn, [place for place in places if low < place < high]):
        for row in rows[1:]:  # a line through a jump would show slopes that the loss does not have
            row[np.abs(numbers - kink) <= 1.01 * (numbers[1] - numbers[0])] = np.nan
    return Line(label, numbers, rows)


def _draw(lines: Sequence[Line], axis: str, picture: Path) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 8), layout="constrained")
    columns = figure.subplots(3, 1, sharex=True)
    for place, line in enumerate(lines):
        style = {"color": COLOURS[place % len(COLOURS)], "linestyle": DASHES[place % len(DASHES)]}
        for number, (axes, row) in enumerate(zip(columns, line.rows, strict=True)):
            shown = np.where(np.isfinite(row), row, np.nan)
            axes.plot(line.numbers, shown, linewidth=2, label=None if number else line.label, **style)
    for axes, name in zip(columns, ("loss", "slope", "curvature"), strict=True):
        axes.set_ylabel(name)
        axes.axhline(0, color="0.3", linewidth=0.6, zorder=0)
        axes.grid(alpha=0.25)
    columns[-1].set_xlabel(axis)
    longest = max(len(line.label) for line in lines)
    beside = max(1, min(len(lines), LETTERS // (longest + 7)))
    figure.legend(loc="outside upper center", ncols=beside, fontsize=9, handlelength=3, frameon=False)
    figure.savefig(picture, dpi=120)
