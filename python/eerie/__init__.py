"""Run compiled models: what the IREE compiler makes of PyTorch, JAX, TensorFlow, TFLite, ONNX.

    import eerie
    model = eerie.load("model.vmfb")
    y = model(x)                      # the only function, or
    y = model.predict(x)              # one of several

Arguments are NumPy arrays, anything that speaks DLPack (PyTorch, JAX), numbers and nested lists;
results are NumPy arrays over the library's own memory, copies where that is a GPU's own
(``eerie.Tensor`` where NumPy is missing or has no such type). Arrays whose memory is aligned to
``eerie.ALIGNMENT`` bytes go in without a copy; ``eerie.empty`` makes such arrays. ``eerie.compile``
goes from a model of a framework to this in one step, where the compiler is installed.
"""
from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor

from . import _native
from ._arrays import ALIGNMENT, empty, to_numpy
from ._native import (AbortedError, AlreadyExistsError, CancelledError, DataLossError,
                      DeadlineExceededError, DeferredError, Error, FailedPreconditionError,
                      Function, IncompatibleError, InternalError, InvalidArgumentError,
                      NotFoundError, OutOfRangeError, PermissionDeniedError,
                      ResourceExhaustedError, Tensor, UnavailableError, UnimplementedError)

__version__ = _native.version
__all__ = [
    "ALIGNMENT", "Error", "Function", "Model", "Tensor", "compile", "devices", "empty", "load",
    "memory", "to_numpy", "AbortedError", "AlreadyExistsError", "CancelledError", "DataLossError",
    "DeadlineExceededError", "DeferredError", "FailedPreconditionError", "IncompatibleError",
    "InternalError", "InvalidArgumentError", "NotFoundError", "OutOfRangeError",
    "PermissionDeniedError", "ResourceExhaustedError", "UnavailableError", "UnimplementedError",
]


class Model:
    """A loaded model with its state (KV caches, counters): functions as attributes and items.

    Threads may share one; their calls happen one after the other. Load it again for calls side by
    side: the file is mapped, so that costs little.
    """

    def __init__(self, program: _native.Program):
        self._program = program
        self._functions: dict[str | None, Function] = {}
        self._executor: ThreadPoolExecutor | None = None

    @property
    def functions(self) -> tuple[str, ...]:
        """Names of what can be called."""
        return tuple(name for name in self._program.names if not name.endswith("$async"))

    def find(self, name: str | None = None) -> Function:
        """The function of that name; without one, the only function there is."""
        function = self._functions.get(name)
        if function is None:
            function = self._functions[name] = self._program.find(name)
        return function

    def __getattr__(self, name: str) -> Function:
        if name.startswith("__"):
            raise AttributeError(name)
        try:
            return self.find(name)
        except NotFoundError as error:
            raise AttributeError(str(error)) from None

    def __getitem__(self, name: str) -> Function:
        try:
            return self.find(name)
        except NotFoundError as error:
            raise KeyError(str(error)) from None

    def __call__(self, *args):
        return self.find()(*args)

    def submit(self, function, *args) -> Future:
        """Starts a call of `function` (its name, or what `find` gave) and returns its future.

        Calls of one model are run in the order of their submission, on a thread of their own.
        ``asyncio.wrap_future`` makes the future awaitable.
        """
        if self._executor is None:
            self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="eerie")
        target = self.find(function) if isinstance(function, str) else function
        return self._executor.submit(target, *args)

    def __dir__(self):
        return [*super().__dir__(), *self.functions]

    def __repr__(self):
        return f"<eerie.Model {', '.join(self.functions)}>"


def _pairs(parameters):
    """(scope, path) of each archive."""
    if parameters is None:
        return ()
    if isinstance(parameters, (str, os.PathLike)):
        return (("", parameters),)
    pairs = []
    for scope, paths in dict(parameters).items():
        single = isinstance(paths, (str, os.PathLike))
        pairs += [(scope, path) for path in ((paths,) if single else paths)]
    return pairs


def load(*modules, device: str | Sequence[str] | None = None, parameters=None,
         wait_limit_ms: int = 0, threads: int = 0, spin_us: int = 0) -> Model:
    """Loads compiled modules, given as paths or bytes, and links them in their order.

    `device` is a name of ``eerie.devices()``, by default the first; several, in the module's order,
    for a module that wants several. Arrays go to the first of them. `parameters` tells where weights
    outside of the module are: ``{"scope": "model.safetensors"}``, also a list of files to a scope,
    or one path for weights without a scope. `wait_limit_ms` bounds what a call may wait.

    `threads` is how many work on a call together, the caller among them; given, the device is
    ``local-task`` unless `device` says another. 0 is one for each core. `spin_us` is how long one
    without work looks for more before it sleeps: 0 the default, -1 not at all.
    """
    if not modules:
        raise TypeError("load() needs at least one module")
    devices = () if device is None else (device,) if isinstance(device, str) else tuple(device)
    return Model(_native.Program(modules, devices, _pairs(parameters), wait_limit_ms, threads,
                                 spin_us))


def devices() -> list[tuple[str, str, str]]:
    """(name, driver, description) of each device that `load` could be given."""
    return _native.devices()


def memory() -> tuple[int, int]:
    """Bytes that the library has in use: now, and at most so far."""
    return _native.memory()


from .compile import compile  # noqa: E402  it needs what is above
