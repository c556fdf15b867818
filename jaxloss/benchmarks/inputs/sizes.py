"""How long every axis is that a docstring names, for a number of examples."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence

from jaxloss.benchmarks.inputs.reading import Argument

__all__ = ["AXES", "Axes", "axes_of", "default_size"]

Axes = dict[str, int]

AXES: Mapping[str, int] = {
    "A": 16,
    "C": 128,
    "D": 128,
    "E": 16,
    "G": 8,
    "H": 64,
    "J": 8,
    "K": 1024,
    "L": 512,
    "M": 16,
    "P": 4,
    "Q": 9,
    "S": 16,
    "T": 256,
    "U": 32,
    "V": 12,
    "W": 64,
    "c_0": 256,
    "centres": 3,
    "classes": 1024,
    "k": 2,
    "models": 64,
    "n": 4,
    "num_classes": 4,
    "num_groups": 2,
    "num_instances": 16,
    "units": 128,
}
"""Name of an axis to its length where the user says nothing."""

OF_LOSS: Mapping[str, Axes] = {
    "bending_energy_penalty": {"D": 2},
    "detr_set_loss": {"N": 100, "M": 20, "K": 80},
    "displacement_gradient_penalty": {"D": 2},
    "hsic_penalty": {"D": 2, "E": 2},
    "mel_spectrogram_loss": {"T": 4096, "F": 513},
    "mixture_invariant_loss": {"K": 2, "M": 4},
    "ms_ssim": {"H": 192, "W": 192},
    "ms_ssim_loss": {"H": 192, "W": 192},
    "multi_resolution_stft_loss": {"T": 4096},
    "oks_loss": {"D": 2},
    "procrustes_aligned_error": {"D": 3},
    "rnnt_loss": {"N": 32, "U": 32},
    "softmax_wasserstein_dice_loss": {"K": 4},
}
"""What is peculiar to a loss: the least that it takes, axes that have two names, or sets that are small."""

PIXELS, EVENT = (64, 64), (64,)
ELEMENTS = 2**20
"""About how many numbers the first input has where the user says nothing."""
MEETING = 1024
"""How many examples of a pool, such as a batch in which all meet, where the user says nothing."""


def _symbols(arguments: Sequence[Argument]) -> list[str]:
    return [word for argument in arguments for dim in argument.dims or () for word in re.findall(r"[A-Za-z_]\w*", dim)]


def _pool(arguments: Sequence[Argument]) -> bool:
    """Whether the examples are an axis N of the first input, and no sequence is longer than they are."""
    symbols = _symbols(arguments[:1])
    return "N" in symbols and "T" not in symbols


def default_size(arguments: Sequence[Argument], given: Mapping[str, int]) -> int:
    """A number of examples that keeps a machine busy for milliseconds."""
    if _pool(arguments):
        return MEETING
    one = dict(axes_of(arguments, 1, given))
    return max(1, ELEMENTS // math.prod(shape_of(arguments[0], (1,), one)))


def axes_of(arguments: Sequence[Argument], size: int, given: Mapping[str, int]) -> Axes:
    """The length of every axis; ``N`` is the number of examples where these are pooled or meet."""
    axes = dict(AXES)
    if "H" in _symbols(arguments):
        axes["C"] = 3
    axes["N"] = size if _pool(arguments) else 16
    if _pool(arguments):
        axes["M"] = size
    return {**axes, **given}


def batch_of(arguments: Sequence[Argument], size: int, axes: Mapping[str, int]) -> tuple[int, ...]:
    """The batch axes, so that there are about ``size`` examples."""
    if not _pool(arguments):
        return (size,)
    return () if axes["N"] >= size else (size // axes["N"],)


def shape_of(argument: Argument, batch: tuple[int, ...], axes: Mapping[str, int]) -> tuple[int, ...]:
    """The shape of an argument whose dimensions are known."""
    shape: list[int] = []
    for dim in argument.dims or ():
        if dim == "...":
            shape += batch
        elif dim.startswith("*"):
            shape += PIXELS if dim in ("*pixels", "*points") else EVENT if dim == "*event" else ()
        else:
            shape.append(_length(dim, axes))
    return tuple(shape)


def _length(dim: str, axes: Mapping[str, int]) -> int:
    """``K``, ``K - 1``, ``U + 1`` or ``4``."""
    total = 0
    for sign, term in re.findall(r"([+-]?) *(\w+)", dim):
        total += (-1 if sign == "-" else 1) * (int(term) if term.isdigit() else axes[term])
    return total
