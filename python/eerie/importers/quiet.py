"""Keeps warnings and logs of frameworks away from what the user asked to see."""
from __future__ import annotations

import contextlib
import logging
import os
import sys
import tempfile
import warnings


@contextlib.contextmanager
def library():
    """Within a program of somebody else: no warnings and no logs of the frameworks."""
    disabled = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(disabled)


@contextlib.contextmanager
def command(verbose: bool):
    """Within a command of ours: what libraries and child processes write is dropped too."""
    if verbose:
        yield
        return
    sys.stdout.flush()
    sys.stderr.flush()
    kept = [os.dup(1), os.dup(2)]
    try:
        with tempfile.TemporaryFile() as dropped, library():
            os.dup2(dropped.fileno(), 1)
            os.dup2(dropped.fileno(), 2)
            yield
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        for number, copy in enumerate(kept, start=1):
            os.dup2(copy, number)
            os.close(copy)
