"""The picture of a card: loss, slope and curvature one above the other."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

import jaxloss
from jaxloss.inspect.cards.reading.probing import jumps
from jaxloss.inspect.cards.reading.views import view
from jaxloss.inspect.cards.rows.pushing import wrong_but_flat
from jaxloss.inspect.cards.rows.sampling import curve
from jaxloss.inspect.subject import KINDS, Subject

__all__ = ["plot_card"]

SHOWN = 10.0
POINTS = 2001
PLACES = (-1.0, 0.0, 1.0)
"""Where kinks are looked for beside those that the subject declares."""
CURVES = (("loss", "#1b4f72"), ("slope", "#b03a2e"), ("curvature", "#1e8449"))
FLAT_COLOUR = "#e74c3c"
BENT_COLOUR = "#f39c12"


def plot_card(name: str, parameters: Mapping[str, Any], loss: Callable[..., Any] | None = None) -> Any:
    """Draw the subjects of a card side by side: dotted kinks, shaded where it is wrong but flat, or not convex.

    Args:
        name: Name of the loss.
        parameters: Its hyperparameters.
        loss: The loss, if it is not one of the library.

    Returns:
        A Matplotlib figure.

    Raises:
        ImportError: If Matplotlib is not installed.
        ValueError: If the loss is not a function of one number.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ImportError("plots of cards need Matplotlib: pip install 'jaxloss[demo]'") from error
    found = view(loss or getattr(jaxloss, name), **parameters)
    if found is None:
        raise ValueError(f"{name} is not a function of one number and cannot be plotted as a curve")
    figure = Figure(figsize=(4.2 * len(found.subjects) + 0.6, 6.4), layout="constrained")
    columns = figure.subplots(3, len(found.subjects), sharex="col", squeeze=False)
    for subject, axes in zip(found.subjects, columns.T, strict=True):
        _draw(axes, subject)
        if len(found.subjects) > 1:
            axes[0].set_title(subject.name, fontsize=10)
    settings = ", ".join(f"{parameter}={value}" for parameter, value in parameters.items())
    figure.suptitle(f"{name}({settings})", fontsize=11)
    handles = {}
    for axis in columns[0]:
        handles |= {label: handle for handle, label in zip(*axis.get_legend_handles_labels(), strict=True)}
    if handles:
        figure.legend(
            list(handles.values()), list(handles), loc="outside lower center", ncols=2, fontsize=9, frameon=False
        )
    return figure


def _draw(axes: Any, subject: Subject) -> None:
    low, high = max(subject.domain[0], -SHOWN), min(subject.domain[1], SHOWN)
    numbers = np.linspace(low, high, POINTS)
    places = sorted({*PLACES, *subject.kinks, subject.best} - {np.inf})
    kinks = jumps(subject.fn, [place for place in places if low < place < high])
    shades = _shades(subject, numbers)
    found = curve(subject.fn)
    rows = [found.values(numbers), found.slopes(numbers), found.curvatures(numbers)]
    for kink in kinks:  # a line through a jump would show slopes that the loss does not have
        for row in rows[1:]:
            row[np.abs(numbers - kink) <= 1.01 * (numbers[1] - numbers[0])] = np.nan
    for axis, row, (name, colour) in zip(axes, rows, CURVES, strict=True):
        axis.plot(numbers, np.where(np.isfinite(row), row, np.nan), color=colour, linewidth=2)
        axis.axhline(0, color="0.3", linewidth=0.5)
        axis.set_ylabel(name)
        for kink in kinks:
            axis.axvline(kink, color="0.5", linestyle=":", linewidth=1)
        for label, (where, shade) in shades.items():
            across = axis.get_xaxis_transform()
            axis.fill_between(numbers, 0, 1, where=where, transform=across, color=shade, alpha=0.18, lw=0, label=label)
    meaning = KINDS[subject.kind].split(";")[0].split(",")[0]
    axes[2].set_xlabel("minus the logit" if subject.name.endswith("of class 0") else meaning, fontsize=9)
    axes[0].set_xlim(low, high)


def _shades(subject: Subject, numbers: np.ndarray) -> dict[str, tuple[np.ndarray, str]]:
    """The weak regions that occur: label to where they are and their colour."""
    flat = np.zeros(numbers.size, bool)
    for low, high in wrong_but_flat(subject):
        flat |= (low <= numbers) & (numbers <= high)
    bend = curve(subject.fn).curvatures(numbers)
    bent = bend < -1e-9 * np.max(np.abs(bend), where=np.isfinite(bend), initial=1.0)
    found = {"wrong, but flat": (flat, FLAT_COLOUR), "not convex": (bent, BENT_COLOUR)}
    return {label: (where, colour) for label, (where, colour) in found.items() if np.any(where)}
