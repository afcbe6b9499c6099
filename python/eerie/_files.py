"""Files that take their places when they are whole."""
from __future__ import annotations

import os
import shutil


def put(made, place) -> None:
    """Moves `made` to `place`, where a regular file is replaced.

    What else may be there (a pipe, a terminal, /dev/null) cannot be replaced and is written to.
    """
    if os.path.exists(place) and not os.path.isfile(place):
        with open(made, "rb") as source, open(place, "wb") as target:
            shutil.copyfileobj(source, target)
        os.remove(made)
    else:
        os.replace(made, place)
