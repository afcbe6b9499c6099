"""Keeps warnings and logs of frameworks away from what the user asked to see."""
from __future__ import annotations

import contextlib
import logging
import os
import sys
import tempfile
import threading
import warnings


class _Muted:
    """A stream that drops what one thread writes."""

    def __init__(self, stream):
        self._stream = stream
        self._thread = threading.get_ident()

    def write(self, text):
        if threading.get_ident() == self._thread:
            return len(text)
        return self._stream.write(text)

    def __getattr__(self, name):
        return getattr(self._stream, name)


@contextlib.contextmanager
def library():
    """Within a program of somebody else: this thread shows no warnings, logs and prints."""
    disabled = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(_Muted(sys.stdout)), \
                contextlib.redirect_stderr(_Muted(sys.stderr)):
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
