"""Tells what the kernels' ELF images inside compiled modules are made of.

    elf_facts.py FOLDER...

Looks at every .vmfb below the folders, finds the images in it and counts what a loader has to deal
with: segments, kinds of relocations, dynamic tags, undefined symbols, alignment, AVX-512. The last is
read from `objdump -d` where binutils are installed. Prints a table, most frequent first.
"""

import collections
import pathlib
import re
import shutil
import struct
import subprocess
import sys
import tempfile

# Names of the numbers that were met; others are printed as numbers. From the ELF specification and
# the x86-64 psABI.
SEGMENTS = {1: "LOAD", 2: "DYNAMIC", 3: "INTERP", 4: "NOTE", 6: "PHDR", 7: "TLS",
            0x6474e550: "GNU_EH_FRAME", 0x6474e551: "GNU_STACK", 0x6474e552: "GNU_RELRO"}
TAGS = {1: "NEEDED", 2: "PLTRELSZ", 3: "PLTGOT", 4: "HASH", 5: "STRTAB", 6: "SYMTAB", 7: "RELA",
        8: "RELASZ", 9: "RELAENT", 10: "STRSZ", 11: "SYMENT", 12: "INIT", 13: "FINI", 17: "REL",
        18: "RELSZ", 19: "RELENT", 20: "PLTREL", 22: "TEXTREL", 23: "JMPREL", 24: "BIND_NOW",
        25: "INIT_ARRAY", 26: "FINI_ARRAY", 30: "FLAGS", 0x6ffffef5: "GNU_HASH",
        0x6ffffff9: "RELACOUNT", 0x6ffffffb: "FLAGS_1"}
RELOCATIONS = {(62, 1): "R_X86_64_64", (62, 6): "R_X86_64_GLOB_DAT", (62, 7): "R_X86_64_JUMP_SLOT",
               (62, 8): "R_X86_64_RELATIVE"}
MACHINES = {62: "x86-64", 183: "aarch64", 40: "arm", 243: "riscv"}


class Image:
    """One 64-bit little-endian image that starts at `start` of a module."""

    def __init__(self, module, start):
        self.start, data = start, module[start:]
        header = struct.unpack_from("<16sHHIQQQIHHHHHH", data)
        self.machine = header[2]
        self.segments = [struct.unpack_from("<IIQQQQQQ", data, header[5] + i * header[9])
                         for i in range(header[10])]
        ends = [offset + size for _, _, offset, _, _, size, _, _ in self.segments]
        self.data = data[:max(ends + [header[6] + header[11] * header[12]])]
        self.tags = collections.OrderedDict()
        for kind, _, offset, _, _, size, _, _ in self.segments:
            for at in range(offset, offset + size if kind == 2 else offset, 16):
                tag, value = struct.unpack_from("<QQ", self.data, at)
                if tag == 0:
                    break
                self.tags.setdefault(tag, value)

    def at(self, address):
        for kind, _, offset, start, _, size, _, _ in self.segments:
            if kind == 1 and start <= address < start + size:
                return address - start + offset
        return 0

    def relocations(self):
        start, size = self.at(self.tags.get(7, 0)), self.tags.get(8, 0)
        for at in range(start, start + size, 24):
            yield struct.unpack_from("<QQq", self.data, at)[1] & 0xffffffff

    def symbols(self):
        """(name, is defined) of the dynamic symbols; HASH tells how many there are."""
        if 4 not in self.tags:
            return
        count = struct.unpack_from("<II", self.data, self.at(self.tags[4]))[1]
        names = self.at(self.tags[5])
        for i in range(1, count):
            name, _, _, section = struct.unpack_from("<IBBH", self.data,
                                                     self.at(self.tags[6]) + 24 * i)
            end = self.data.index(b"\0", names + name)
            yield self.data[names + name:end].decode(), section != 0


def images(module):
    start = module.find(b"\x7fELF\x02\x01\x01")
    while start >= 0:
        image = Image(module, start)
        yield image
        start = module.find(b"\x7fELF\x02\x01\x01", start + len(image.data))


def alignment(number):
    return min(number & -number, 4096) if number else 4096


def vector_width(image, objdump, folder):
    path = pathlib.Path(folder) / "image"
    path.write_bytes(image.data)
    text = subprocess.run([objdump, "-d", "--no-show-raw-insn", str(path)], capture_output=True,
                          text=True).stdout
    # Mask registers belong to AVX-512 too, at any width.
    return ("zmm registers" if "%zmm" in text else
            "mask registers alone" if re.search(r"%k[0-7]", text) else "none")


def facts_of(image, count):
    names = lambda table, numbers: " ".join(table.get(n, hex(n)) for n in numbers) or "none"
    loads = [s for s in image.segments if s[0] == 1]
    flags = ["".join(c if s[1] & bit else "-" for c, bit in (("r", 4), ("w", 2), ("x", 1)))
             for s in loads]
    count["machine"][MACHINES.get(image.machine, str(image.machine))] += 1
    count["segments"][names(SEGMENTS, [s[0] for s in image.segments])] += 1
    count["access of LOAD segments"][" ".join(flags)] += 1
    count["alignment of LOAD segments"][" ".join(sorted({hex(s[7]) for s in loads}))] += 1
    bss = any(s[6] > s[5] for s in loads)
    count["memory beyond the file (bss)"]["yes" if bss else "no"] += 1
    count["dynamic tags"][names(TAGS, image.tags)] += 1
    kinds = collections.Counter(image.relocations())
    count["kinds of relocations"][names({k[1]: v for k, v in RELOCATIONS.items()
                                         if k[0] == image.machine}, sorted(kinds))] += 1
    symbols = list(image.symbols())
    count["undefined symbols"][" ".join(n for n, defined in symbols if not defined) or "none"] += 1
    count["exported symbols"][" ".join(n for n, defined in symbols if defined) or "none"] += 1
    count["alignment inside the module"]["%d" % alignment(image.start)] += 1
    return sum(kinds.values())


def main():
    count = collections.defaultdict(collections.Counter)
    modules = with_images = most = largest = 0
    objdump = shutil.which("objdump")
    with tempfile.TemporaryDirectory() as folder:
        for path in (p for root in sys.argv[1:] for p in sorted(pathlib.Path(root).rglob("*.vmfb"))):
            modules += 1
            found = list(images(path.read_bytes()))
            with_images += bool(found)
            for image in found:
                most = max(most, facts_of(image, count))
                largest = max(largest, len(image.data))
                if objdump and image.machine == 62:
                    count["AVX-512"][vector_width(image, objdump, folder)] += 1
    print("%d modules, %d with images; largest image %d bytes, most relocations %d" %
          (modules, with_images, largest, most))
    for fact, found in count.items():
        print("\n%s" % fact)
        for what, times in found.most_common():
            print("  %6d  %s" % (times, what))


if __name__ == "__main__":
    main()
