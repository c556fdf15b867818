"""Where a command may write its picture, found out before the work is done."""

from __future__ import annotations

import errno
import os
from collections.abc import Sequence
from pathlib import Path

__all__ = ["writable"]


def writable(text: str, suffixes: Sequence[str] = (".png",)) -> Path:
    """The path of the picture, shown to be writable before any work is done; an OSError that says why not."""
    path = Path(text)
    if path.suffix.lower() not in suffixes:
        raise OSError(errno.EINVAL, f"the picture must be a {' or '.join(suffixes)} file", text)
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, "the picture cannot be a folder", text)
    new = not path.exists()
    with path.open("ab"):
        pass
    if new:
        os.remove(path)
    return path
