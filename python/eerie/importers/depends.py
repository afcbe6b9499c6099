"""What an import depends on: the files that it read, and the software that it was done by.

`eerie compile --cache` keeps this beside a module, so that the next compile need not import to
know that nothing has changed. Files are those that Python opened for reading while it imported,
those that importers name because a library opens them, and the source itself; of software it is
what an installation changes. Python files are programs: what they depend on nobody knows, and
nothing is told of them.
"""
from __future__ import annotations

import os
import pathlib
import sys
import sysconfig

from .source import Source

_opened: set[str] = set()


def _hook(event: str, arguments: tuple) -> None:
    if event != "open" or not arguments or not isinstance(arguments[0], (str, bytes)):
        return
    mode = arguments[1] if len(arguments) > 1 else None
    if not isinstance(mode, str) or not set(mode) & set("wax+"):
        _opened.add(os.path.abspath(os.fsdecode(arguments[0])))


def add(path: str | os.PathLike) -> None:
    """A file that is read by other code than Python's."""
    _opened.add(os.path.abspath(path))


def watch() -> None:
    """From now on files that are opened are remembered. There is no end to it."""
    sys.addaudithook(_hook)


def _folders_of_software() -> list[pathlib.Path]:
    """Where packages are installed: what an installer does changes the folder's time."""
    names = {sysconfig.get_path(name) for name in ("purelib", "platlib", "stdlib")}
    names |= {path for path in sys.path if path.endswith(("site-packages", "dist-packages"))}
    return [pathlib.Path(name) for name in sorted(filter(None, names)) if os.path.isdir(name)]


def software() -> list[pathlib.Path]:
    """Whose time and size tell whether the importer is still the same."""
    package = pathlib.Path(__file__).resolve().parent.parent
    return [pathlib.Path(sys.executable), *_folders_of_software(),
            *sorted(path for path in package.rglob("*.py"))]


def _is_data(path: str, ignored: tuple[str, ...]) -> bool:
    return not path.startswith(ignored) and not path.endswith((".py", ".pyc")) and \
        os.path.isfile(path)


def files(source: Source, made: list[pathlib.Path]) -> list[pathlib.Path] | None:
    """What was read, in `made` folders not counted; None: nobody knows."""
    if source.kind == "python":
        return None
    found = {os.path.abspath(source.path)}
    if source.path.is_dir():
        found = {os.path.abspath(path) for path in source.path.rglob("*") if path.is_file()}
    ignored = [str(folder) + os.sep for folder in _folders_of_software()]
    ignored += [os.path.abspath(folder) + os.sep for folder in made]
    ignored += ["/proc/", "/sys/", "/dev/", "/etc/", str(pathlib.Path(__file__).parents[1]) + os.sep]
    return [pathlib.Path(path) for path in
            sorted(found | {path for path in set(_opened) if _is_data(path, tuple(ignored))})]


def lines(source: Source, made: list[pathlib.Path]) -> str:
    """The same as lines "file=PATH" and "tool=PATH"; empty where it is not known."""
    read = files(source, made)
    if read is None:
        return ""
    text = [f"file={path}" for path in read] + [f"tool={path}" for path in software()]
    return "" if any("\n" in line for line in text) else "\n".join(text) + "\n"
