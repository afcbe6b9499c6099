"""Parameter archives: the weights that stay outside of a module."""
from __future__ import annotations

import os

from . import _files, _native
from ._arrays import with_dtype


def write_parameters(path, entries, format: str | None = None) -> None:
    """Writes `entries`, (key, array) pairs, to an archive: .irpa, or .safetensors by its suffix.

    An existing file is replaced only when all has been written.
    """
    path = os.fspath(path)
    chosen = format or ("safetensors" if path.endswith(".safetensors") else "irpa")
    partial = f"{path}.partial"
    try:
        typed = [(key, *with_dtype(array)) for key, array in entries]
        _native.write_parameters(partial, typed, chosen)
        _files.put(partial, path)
    except BaseException:
        if os.path.exists(partial):
            os.remove(partial)
        raise
