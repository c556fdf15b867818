"""Published weights from a file that the user has: every name and shape is checked, nothing is downloaded."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

__all__ = ["read_tensors", "verify"]

Shape = tuple[int, ...]


def read_tensors(path: str | os.PathLike[str]) -> dict[str, np.ndarray]:
    """The named tensors of a ``.safetensors`` file, or of a ``state_dict`` that PyTorch saved (any other suffix)."""
    file = Path(path)
    if not file.is_file():
        raise FileNotFoundError(f"no file {file}; weights are not downloaded, give the path of a file that you have.")
    return _from_safetensors(file) if file.suffix == ".safetensors" else _from_torch(file)


def _from_safetensors(file: Path) -> dict[str, np.ndarray]:
    try:
        from safetensors.numpy import load_file
    except ImportError as error:
        raise ImportError(f"reading {file} needs safetensors: pip install safetensors") from error
    try:
        return dict(load_file(file))
    except Exception as error:
        raise ValueError(f"{file} is not a readable safetensors file: {error}") from error


def _from_torch(file: Path) -> dict[str, np.ndarray]:
    try:
        import torch
    except ImportError as error:
        raise ImportError(
            f"reading {file} needs PyTorch: pip install torch. Without it convert the file elsewhere, with "
            "safetensors.torch.save_file(state_dict, 'weights.safetensors'), and give that (pip install safetensors)."
        ) from error
    try:
        content = torch.load(file, map_location="cpu", weights_only=True)
    except Exception as error:
        raise ValueError(f"{file} is not a readable PyTorch file of tensors: {error}") from error
    if not isinstance(content, Mapping) or not all(isinstance(tensor, torch.Tensor) for tensor in content.values()):
        raise ValueError(
            f"{file} must hold a state_dict, names to tensors; found {_describe(content)}. Save model.state_dict()."
        )
    return {name: tensor.to(torch.float32).numpy() for name, tensor in content.items()}


def _describe(content: Any) -> str:
    if not isinstance(content, Mapping):
        return type(content).__name__
    odd = {name: type(value).__name__ for name, value in content.items() if not hasattr(value, "shape")}
    return f"entries that are no tensors, {_some([f'{name} ({kind})' for name, kind in odd.items()])}"


def verify(
    tensors: Mapping[str, np.ndarray],
    needed: Mapping[str, Shape],
    known: Mapping[str, Shape | None],
    *,
    source: str,
    what: str,
) -> None:
    """Raise a ValueError that names every tensor that is missing, unexpected or of a wrong shape.

    ``known`` tensors may be there beside the ``needed`` ones; None stands for any shape.
    """
    expected = {**known, **needed}
    wrong = [
        f"{name} {tensors[name].shape} instead of {shape}"
        for name, shape in expected.items()
        if name in tensors and shape is not None and tensors[name].shape != shape
    ]
    faults = {
        "missing": [name for name in needed if name not in tensors],
        "unexpected": [name for name in tensors if name not in expected],
        "of a wrong shape": wrong,
    }
    if any(faults.values()):
        found = "; ".join(f"{kind}: {_some(names)}" for kind, names in faults.items() if names)
        raise ValueError(f"{source} does not hold {what}. Tensors {found}.")


def _some(names: list[str], most: int = 6) -> str:
    rest = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + rest
