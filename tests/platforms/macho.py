"""Reads Mach-O files as far as to tell that a build for macOS is what it should be.

Source: mach-o/loader.h and mach-o/fat.h of Apple's cctools: header, load commands, symbol table.
"""

import pathlib
import struct

MAGIC_64 = 0xFEEDFACF
EXECUTE, DYLIB = 2, 6
LC_SYMTAB, LC_ID_DYLIB, LC_LOAD_DYLIB, LC_BUILD_VERSION = 2, 0xD, 0xC, 0x32
PLATFORM_MACOS = 1
LINKERS_OWN = {"___dso_handle", "__mh_dylib_header"}
EXTERNAL, TYPE, SECTION = 0x01, 0x0E, 0x0E  # bits of n_type, and the type "defined in a section"


class Damaged(RuntimeError):
    """A file that is not what it should be, and why."""


class File:
    """A Mach-O file of 64 bits."""

    def __init__(self, path):
        self.data = pathlib.Path(path).read_bytes()
        if len(self.data) < 32:
            raise Damaged(f"{path}: too short for a header")
        magic, self.cpu, _, self.kind, count, size = struct.unpack_from("<6I", self.data)
        if magic != MAGIC_64:
            raise Damaged(f"{path}: magic {magic:#x}, expected {MAGIC_64:#x}")
        if 32 + size > len(self.data):
            raise Damaged(f"{path}: load commands past the end")
        self.commands, at = [], 32
        for _ in range(count):
            command, length = struct.unpack_from("<2I", self.data, at)
            if length < 8 or at + length > 32 + size:
                raise Damaged(f"{path}: a load command of {length} bytes")
            self.commands.append((command, at))
            at += length

    def _text(self, at):
        return self.data[at:self.data.index(b"\0", at)].decode()

    def _find(self, wanted):
        return [at for command, at in self.commands if command & 0x7FFFFFFF == wanted]

    def libraries(self):
        """Paths of the libraries that it links."""
        return [self._text(at + struct.unpack_from("<I", self.data, at + 8)[0])
                for at in self._find(LC_LOAD_DYLIB)]

    def platform(self):
        """The number in LC_BUILD_VERSION; None without it."""
        found = self._find(LC_BUILD_VERSION)
        return struct.unpack_from("<I", self.data, found[0] + 8)[0] if found else None

    def exports(self):
        """Names of the external symbols that it defines."""
        names = set()
        for at in self._find(LC_SYMTAB):
            symbols, count, texts, _ = struct.unpack_from("<4I", self.data, at + 8)
            for i in range(count):
                name, kind = struct.unpack_from("<IB", self.data, symbols + 16 * i)
                if kind & EXTERNAL and kind & TYPE == SECTION:
                    names.add(self._text(texts + name))
        return names


def check(folder, preset, cpu):
    """The command and the shared library of a build, which prints what was seen."""
    command, library = File(folder / "eerie"), File(folder / "libeerie.dylib")
    for name, file, kind in (("eerie", command, EXECUTE), ("libeerie.dylib", library, DYLIB)):
        if file.cpu != cpu or file.kind != kind or file.platform() != PLATFORM_MACOS:
            raise Damaged(f"{preset}: {name} has CPU {file.cpu:#x}, kind {file.kind}, platform "
                          f"{file.platform()}; expected {cpu:#x}, {kind}, {PLATFORM_MACOS}")
        foreign = [path for path in file.libraries() if not path.startswith(("/usr/lib/", "@rpath/"))]
        if foreign:
            raise Damaged(f"{preset}: {name} links {foreign}")
    exports = library.exports()
    strange = {name for name in exports if not name.startswith("_eerie_")} - LINKERS_OWN
    if strange or "_eerie_instance_create" not in exports:
        raise Damaged(f"{preset}: libeerie.dylib exports {sorted(strange)[:5]}, "
                      f"{len(exports)} symbols in all")
    print(f"  {preset}: linked; {len(exports)} symbols exported; links {library.libraries()}; not run")
