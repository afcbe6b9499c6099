#!/usr/bin/env python3
"""Makes malformed module files, each named by its defect, from valid ones compiled here and now.

    make_bad.py --compiler iree-compile --opcodes runtime/module/opcodes.h
                --sources tests/modules/bad --out DIR

writes DIR/good/*.vmfb, DIR/bad/*.vmfb and DIR/manifest.txt with a line for each bad file:

    <file> TAB <status> TAB <text that the message must contain>

The script knows the layout of the file (ZIP header, flatbuffer, bytecode) well enough to put a
defect where it wants one: it walks the flatbuffer's tables, and the bytecode along the operand
strings of opcodes.h. Exit code 77: there is no compiler.
"""

import argparse
import pathlib
import re
import shutil
import struct
import subprocess
import sys

DATA_LOSS = "DATA_LOSS"
INVALID = "INVALID_ARGUMENT"
INCOMPATIBLE = "INCOMPATIBLE"

# Field numbers of BytecodeModuleDef (bytecode_module_def.fbs).
MODULE_FIELDS = {
    "name": 0, "version": 1, "requirements": 2, "attrs": 3, "types": 4, "dependencies": 5,
    "imported_functions": 6, "exported_functions": 7, "function_signatures": 8,
    "rodata_segments": 9, "rwdata_segments": 10, "module_state": 11, "function_descriptors": 12,
    "bytecode_version": 13, "bytecode_data": 14,
}
DESCRIPTOR_SIZE = 20
IMPORT_BIT = 0x80000000
REF_BIT = 0x8000
MOVE_BIT = 0x4000


# ---- The file --------------------------------------------------------------------------------------

class Module:
    """A module file as bytes that can be changed, and a walker over its flatbuffer.

    Positions are absolute in the file. An instance is never changed after it was handed out: edit()
    gives a copy.
    """

    def __init__(self, data):
        self.data = bytearray(data)
        self.zip = self.data[:4] == b"PK\x03\x04"
        self.prefix = 0
        if self.zip:
            self.prefix = 30 + self.u16(26) + self.u16(28)
        self.base = self.prefix + 4  # of the flatbuffer
        self.end = self.base + self.u32(self.prefix)

    def edit(self):
        return Module(self.data)

    def u8(self, at):
        return self.data[at]

    def u16(self, at):
        return struct.unpack_from("<H", self.data, at)[0]

    def u32(self, at):
        return struct.unpack_from("<I", self.data, at)[0]

    def put(self, at, form, value):
        struct.pack_into("<" + form, self.data, at, value)
        return self

    # -- reading --

    def follow(self, at):
        return at + self.u32(at)

    def root(self):
        return self.follow(self.base)

    def vtable(self, table):
        return table - struct.unpack_from("<i", self.data, table)[0]

    def field(self, table, number):
        """Position of a field's value, or None."""
        vtable = self.vtable(table)
        if 4 + 2 * number >= self.u16(vtable):
            return None
        offset = self.u16(vtable + 4 + 2 * number)
        return table + offset if offset else None

    def module_field(self, name):
        return self.field(self.root(), MODULE_FIELDS[name])

    def vector(self, name):
        """(position of the count, position of the items, count) of a vector of the module."""
        at = self.follow(self.module_field(name))
        return at, at + 4, self.u32(at)

    def tables(self, name):
        """Positions of the tables in a vector of the module."""
        if self.module_field(name) is None:
            return []
        _, items, count = self.vector(name)
        return [self.follow(items + 4 * i) for i in range(count)]

    def string(self, at):
        at = self.follow(at)
        return bytes(self.data[at + 4:at + 4 + self.u32(at)])

    # -- writing --

    def append(self, blob, alignment=4):
        """Grows the flatbuffer by a blob and returns its position.

        What lies behind (the ZIP directory, external data) is cut off: modules that are grown have
        no external data.
        """
        del self.data[self.end:]
        while (len(self.data) - self.base) % alignment:
            self.data.append(0)
        at = len(self.data)
        self.data += blob
        self.end = len(self.data)
        return self.put(self.prefix, "I", self.end - self.base) and at

    def point(self, at, target):
        return self.put(at, "I", target - at)

    def append_string(self, text):
        return self.append(struct.pack("<I", len(text)) + text + b"\0")

    def set_string(self, at, text):
        """Lets the string reference at `at` go to another text."""
        return self.point(at, self.append_string(text))

    def own_vtable(self, table):
        """Gives a table a vtable that it shares with no other, and returns that."""
        old = self.vtable(table)
        new = self.append(bytes(self.data[old:old + self.u16(old)]), 2)
        self.put(table, "i", table - new)
        return new

    def without_field(self, table, number):
        vtable = self.own_vtable(table)
        return self.put(vtable + 4 + 2 * number, "H", 0)


class Function:
    """What a function's descriptor says, and where."""

    def __init__(self, module, index):
        _, items, count = module.vector("function_descriptors")
        assert index < count
        self.index = index
        self.descriptor = items + DESCRIPTOR_SIZE * index
        offset, self.size, self.requirements, _, self.blocks, self.registers, self.refs = \
            struct.unpack_from("<IIIHHHH", module.data, self.descriptor)
        self.registers += self.registers % 2
        self.start = module.vector("bytecode_data")[1] + offset
        self.end = self.start + self.size
        signature = module.tables("function_signatures")[index]
        self.convention = module.string(module.field(signature, 0)).decode()

    def argument_registers(self):
        """How many 32-bit and reference registers the arguments take, the former rounded to even."""
        values = refs = 0
        for letter in self.convention[1:].split("_")[0].strip("v"):
            if letter == "r":
                refs += 1
            elif letter in "IF":
                values += values % 2 + 2
            else:
                values += 1
        return values + values % 2, refs


def function_count(module):
    return module.vector("function_descriptors")[2]


# ---- Instructions ----------------------------------------------------------------------------------

def read_opcodes(path):
    """{(set, number): (mnemonic, operands)} from opcodes.h; set is core, f32 or f64."""
    result = {}
    current = None
    for line in path.read_text().splitlines():
        start = re.match(r"#define EE_OPCODES_(\w+)\(", line)
        if start:
            current = {"F32": "f32", "F64": "f64"}.get(start.group(1), "core")
        found = re.match(r'\s*EE_OP\((0x\w+), \w+, "([^"]*)", "([^"]*)"\)', line)
        if found:
            result[current, int(found.group(1), 16)] = (found.group(2), found.group(3))
    return result


class Operand:
    def __init__(self, letter, at, result, **more):
        self.letter = letter  # as in opcodes.h; lists: "v" + element, "=*", "z", "p"
        self.at = at          # position of the field; of a list: of its count
        self.result = result
        self.__dict__.update(more)


class Instruction:
    def __init__(self, mnemonic, start, operands, end):
        self.mnemonic, self.start, self.operands, self.end = mnemonic, start, operands, end


SIZES = {"b": 4, "G": 4, "t": 4, "d": 4, "k": 4, "n": 2}


def decode(module, function, opcodes):
    """All instructions of a function."""
    result = []
    at = function.start
    aligned = lambda position: position + (position - function.start) % 2
    while at < function.end:
        start = at
        number = module.u8(at)
        at += 1
        key = ("core", number)
        if number in (0xE0, 0xE1):
            key = ("f32" if number == 0xE0 else "f64", module.u8(at))
            at += 1
        mnemonic, text = opcodes[key]
        operands = []
        cases = 0
        while text:
            written = text[0] == "="
            text = text[written:]
            letter, text = text[0], text[1:]
            if letter in "cg":
                size, text = int(text[0]), text[1:]
                operands.append(Operand(letter, at, written, size=size))
                at += size if letter == "c" else 4
            elif letter in SIZES:
                if letter == "n":
                    cases = module.u16(at)
                operands.append(Operand(letter, at, written))
                at += SIZES[letter]
            elif letter == "s":
                operands.append(Operand(letter, at, written))
                at += 2 + module.u16(at)
            elif letter in "vz*p":
                at = aligned(at)
                kind = letter
                if letter == "v":
                    kind, text = "v" + text[0], text[1:]
                count = module.u16(at)
                operands.append(Operand(kind, at, written, count=count))
                at += 2 + count * (4 if letter == "p" else 2)
            elif letter == "B":
                for _ in range(cases):
                    operands.append(Operand("b", at, written))
                    at = aligned(at + 4)
                    count = module.u16(at)
                    operands.append(Operand("p", at, written, count=count))
                    at += 2 + 4 * count
            else:
                operands.append(Operand(letter, at, written))
                at += 2
        result.append(Instruction(mnemonic, start, operands, at))
        if mnemonic in TERMINATORS and not any(module.data[at:function.end]):
            break
    return result


TERMINATORS = {"br", "cond_br", "br_table", "return", "fail", "yield", "break", "cond_break",
               "call.yieldable", "call.variadic.yieldable"}


# ---- Collecting ------------------------------------------------------------------------------------

class Corpus:
    def __init__(self, out):
        self.out = out
        self.lines = []
        self.names = set()

    def add(self, name, module, text, status=DATA_LOSS):
        data = module.data if isinstance(module, Module) else module
        assert name not in self.names, name
        assert "\t" not in text and "\n" not in text
        self.names.add(name)
        file = re.sub(r"[^A-Za-z0-9.-]+", "_", name) + ".vmfb"
        (self.out / "bad" / file).write_bytes(bytes(data))
        self.lines.append(f"bad/{file}\t{status}\t{text}\n")


# ---- Defects of the container ----------------------------------------------------------------------

def container(corpus, good, bare, external):
    add = corpus.add
    zipped = good.data
    add("empty", b"", "it is empty", INVALID)
    add("one-byte", b"P", 'no identifier "IREE"', INVALID)
    add("text", b"module @m { func.func @f() { return } }\n", 'no identifier "IREE"', INVALID)
    add("zeros", bytes(256), 'no identifier "IREE"', INVALID)
    add("elf", b"\x7fELF" + bytes(60), 'no identifier "IREE"', INVALID)
    add("mlir-bytecode", b"ML\xefR" + bytes(60), 'no identifier "IREE"', INVALID)
    for size in (4, 5, 29):
        add(f"zip-header-cut-at-{size}", zipped[:size], "truncated: ZIP header")
    add("zip-name-cut", zipped[:34], "truncated: ZIP entry starts at")
    add("zip-extra-cut", zipped[:good.prefix - 1], "truncated: ZIP entry starts at")
    add("zip-extra-too-long", good.edit().put(28, "H", 0xFFFF), "truncated: ZIP entry starts at")
    add("zip-name-too-long", good.edit().put(26, "H", 0xFFFF), "truncated: ZIP entry starts at")
    add("zip-other-entry", zipped[:30] + b"module.xy" + zipped[39:],
        'first entry is "module.xy"', INVALID)
    add("zip-no-name", good.edit().put(26, "H", 0).put(28, "H", good.prefix - 30),
        'first entry is ""', INVALID)
    add("zip-deflated", good.edit().put(8, "H", 8), "compressed (method 8)", INVALID)
    add("zip-nothing-behind", zipped[:good.prefix], "truncated: 0 bytes after the ZIP header")
    add("zip-prefix-alone", zipped[:good.base], "truncated: 4 bytes after the ZIP header")
    for name, module in (("zip", good), ("bare", bare)):
        data, base, end = module.data, module.base, module.end
        add(f"{name}-identifier-wrong", data[:base + 4] + b"EERI" + data[base + 8:],
            'no identifier "IREE"', INVALID)
        add(f"{name}-size-all-ones", module.edit().put(module.prefix, "I", 0xFFFFFFFF),
            "truncated: the flatbuffer says 4294967295 bytes")
        add(f"{name}-size-one-more-than-file", data[:end - 1], "truncated: the flatbuffer says")
        for size in (0, 4, 7):
            add(f"{name}-size-{size}", module.edit().put(module.prefix, "I", size),
                f"truncated: the flatbuffer says {size} bytes")
        for part in (2, 3, 5, 10):
            add(f"{name}-cut-to-1-of-{part}", data[:base + (end - base) // part],
                "truncated: the flatbuffer says")
    # The size says less than the flatbuffer needs: what is referred to lies outside.
    for size in (8, 12, 64, 256):
        add(f"zip-size-says-{size}", good.edit().put(good.prefix, "I", size), "reach past the flatbuffer")

    # External data.
    data, end = external.data, external.end
    base = (end + 63) // 64 * 64
    segments = external.tables("rodata_segments")
    index, table = next((i, t) for i, t in enumerate(segments) if external.field(t, 4))
    offset_at, length_at = external.field(table, 3), external.field(table, 4)
    offset = struct.unpack_from("<Q", data, offset_at)[0] if offset_at else 0
    length = struct.unpack_from("<Q", data, length_at)[0]
    where = f"rodata_segments[{index}]: truncated: external data"
    add("external-data-cut-off", data[:end], where)
    add("external-data-cut-at-base", data[:base], where)
    add("external-data-one-byte-short", data[:base + offset + length - 1], where)
    for name, value in (("2-to-63", 1 << 63), ("all-ones", (1 << 64) - 1), ("2-to-32", 1 << 32)):
        add(f"external-length-{name}", external.edit().put(length_at, "Q", value), where)
        if offset_at:
            add(f"external-offset-{name}", external.edit().put(offset_at, "Q", value), where)
    if offset_at:
        wrap = external.edit().put(offset_at, "Q", (1 << 64) - 16).put(length_at, "Q", 32)
        add("external-offset-and-length-wrap", wrap, where)


# ---- Defects of the flatbuffer ---------------------------------------------------------------------

def table_defects(corpus, good, name, table, where):
    """Breaks the frame of one table; `where` is what the message calls the place."""
    add = corpus.add
    size = good.end - good.base
    add(f"{name}-vtable-before-start", good.edit().put(table, "i", table - good.base + 4),
        "vtable before the start")
    add(f"{name}-vtable-past-end", good.edit().put(table, "i", -(good.end - table)), where)
    add(f"{name}-vtable-far-past-end", good.edit().put(table, "i", -0x7FFFFFFF), where)
    add(f"{name}-vtable-at-last-byte", good.edit().put(table, "i", -(good.end - 2 - table)), where)
    odd = good.edit()
    odd.put(table, "i", table - good.vtable(table) - 1)
    add(f"{name}-vtable-odd", odd, "is not aligned to 2")
    for label, value in (("0", 0), ("2", 2), ("odd", 7)):
        module = good.edit()
        vtable = module.own_vtable(table)
        add(f"{name}-vtable-size-{label}", module.put(vtable, "H", value), f"vtable of {value} bytes")
    module = good.edit()
    vtable = module.own_vtable(table)
    add(f"{name}-vtable-size-all-ones", module.put(vtable, "H", 0xFFFE), "reach past the flatbuffer")
    for label, value, text in (("0", 0, "for a table of 0"), ("3", 3, "for a table of 3")):
        module = good.edit()
        vtable = module.own_vtable(table)
        add(f"{name}-table-size-{label}", module.put(vtable + 2, "H", value), text)
    module = good.edit()
    vtable = module.own_vtable(table)
    module.put(vtable + 2, "H", 0xFFFF)
    if table - good.base + 0xFFFF > size + 64:
        add(f"{name}-table-size-all-ones", module, "reach past the flatbuffer")
    for number in range((good.u16(good.vtable(table)) - 4) // 2):
        # Nobody reads the module's debug_database.
        if good.field(table, number) is None or (name, number) == ("root", 15):
            continue
        for label, value in (("outside", 0xFFF0), ("on-the-vtable-offset", 2)):
            module = good.edit()
            vtable = module.own_vtable(table)
            add(f"{name}-field-{number}-{label}",
                module.put(vtable + 4 + 2 * number, "H", value), f"field {number} of")


def reference_defects(corpus, good, name, at, where, kind):
    """Breaks the reference at `at` and what it leads to: a table, a vector or a string."""
    add = corpus.add
    add(f"{name}-reference-past-end", good.edit().put(at, "I", good.end - at), where)
    add(f"{name}-reference-all-ones", good.edit().put(at, "I", 0xFFFFFFFF), where)
    add(f"{name}-reference-unaligned", good.edit().put(at, "I", good.u32(at) + 1),
        "is not aligned to 4")
    target = good.follow(at)
    if kind in ("vector", "string"):
        for label, value in (("all-ones", 0xFFFFFFFF), ("2-to-31", 1 << 31), ("2-to-30", 1 << 30)):
            add(f"{name}-count-{label}", good.edit().put(target, "I", value), where)
    if kind == "string":
        last = target + 4 + good.u32(target)
        add(f"{name}-no-nul-behind", good.edit().put(last, "B", ord("x")), "is not text")
        add(f"{name}-nul-inside", good.edit().put(target + 4, "B", 0), "is not text")
        for label, text in (("bad-utf8", b"a\xff"), ("overlong-utf8", b"\xc0\xaf"),
                            ("surrogate", b"\xed\xa0\x80"), ("cut-utf8", b"a\xe2\x82"),
                            ("beyond-unicode", b"\xf4\x90\x80\x80")):
            add(f"{name}-{label}", (lambda m: m.set_string(at, text))(good.edit()), "is not text")
        room = good.end - target - 4
        add(f"{name}-up-to-the-last-byte", good.edit().put(target, "I", room), "reach past")


def flatbuffer(corpus, good):
    add = corpus.add
    base, size = good.base, good.end - good.base
    root = good.root()
    for label, value in (("past-end", size), ("all-ones", 0xFFFFFFFF)):
        add(f"root-offset-{label}", good.edit().put(base, "I", value), "root table: 4 bytes at offset")
    add("root-offset-unaligned", good.edit().put(base, "I", good.u32(base) + 2),
        "root table: offset")
    table_defects(corpus, good, "root", root, "root table")

    reference_defects(corpus, good, "module-name", good.module_field("name"), "module: name",
                      "string")
    vectors = ["types", "imported_functions", "exported_functions", "function_signatures",
               "rodata_segments", "function_descriptors", "bytecode_data"]
    for name in vectors:
        reference_defects(corpus, good, name, good.module_field(name), f"module: {name}", "vector")
    # The first element of each vector of tables, and the strings in it.
    strings = {"types": {0: "full_name"}, "imported_functions": {0: "full_name"},
               "exported_functions": {0: "local_name"},
               "function_signatures": {0: "calling_convention"}, "rodata_segments": {}}
    for name, fields in strings.items():
        items = good.vector(name)[1]
        where = f"{name}[0]"
        reference_defects(corpus, good, f"{name}-0", items, where, "table")
        table = good.follow(items)
        table_defects(corpus, good, f"{name}-0", table, where)
        for number, field in fields.items():
            at = good.field(table, number)
            reference_defects(corpus, good, f"{name}-0-{field}", at, f"{where}: {field}", "string")
            add(f"{name}-0-{field}-missing", good.edit().without_field(table, number),
                f"{where}: {field} is missing")
            add(f"{name}-0-{field}-empty", (lambda m: m.set_string(at, b""))(good.edit()),
                f"{where}: {field} is missing")
    add("module-name-missing", good.edit().without_field(root, 0), "module: name is missing")
    imported = good.tables("imported_functions")[0]
    reference_defects(corpus, good, "import-signature", good.field(imported, 1),
                      "imported_functions[0]: signature", "table")
    add("import-signature-missing", good.edit().without_field(imported, 1),
        "calling_convention is missing")
    embedded = next(t for t in good.tables("rodata_segments") if good.field(t, 2))
    reference_defects(corpus, good, "rodata-embedded", good.field(embedded, 2),
                      "rodata_segments[0]: embedded_data", "vector")
    state = good.module_field("module_state")
    reference_defects(corpus, good, "module-state", state, "module_state: module_state", "table")
    table_defects(corpus, good, "module-state", good.follow(state), "module_state")

    # The same bytes over and over: small files that would take long to read. References go forward
    # only, so what is referred to is appended last.
    module, count = good.edit(), 200
    signatures = good.vector("function_signatures")[1]
    convention = good.string(good.field(good.follow(signatures), 0))
    vtable = module.append(struct.pack("<HHHH", 8, 12, 4, 8), 2)
    signature, vector, attribute = (module.append(bytes(size)) for size in (12, 4 + 4 * count, 12))
    for table in (signature, attribute):
        module.put(table, "i", table - vtable)
    module.set_string(signature + 4, convention).point(signature + 8, vector)
    module.put(vector, "I", count)
    for i in range(count):
        module.point(vector + 4 + 4 * i, attribute)
    module.set_string(attribute + 4, b"k" * 3000).set_string(attribute + 8, b"v" * 3000)
    add("one-attribute-200-times", module.point(signatures, signature),
        "refers to the same bytes too often")

    module, count = good.edit(), 400
    longest = max((Function(good, i) for i in range(function_count(good))), key=lambda f: f.size)
    descriptor = bytes(good.data[longest.descriptor:longest.descriptor + DESCRIPTOR_SIZE])
    descriptors = module.append(struct.pack("<I", count) + descriptor * count)
    vector = module.append(struct.pack("<I", count) + bytes(4 * count))
    old = good.tables("function_signatures")[longest.index]
    signature_vtable = module.append(struct.pack("<HHH", 6, 8, 4), 2)
    signature = module.append(bytes(8))
    module.put(signature, "i", signature - signature_vtable)
    module.set_string(signature + 4, good.string(good.field(old, 0)))
    for i in range(count):
        module.point(vector + 4 + 4 * i, signature)
    module.point(module.module_field("function_descriptors"), descriptors)
    module.point(module.module_field("function_signatures"), vector)
    add("one-function-400-times", module, "functions share bytecode too often")


# ---- Defects of the module's tables ----------------------------------------------------------------

def tables(corpus, good):
    add = corpus.add
    version = good.module_field("bytecode_version")
    for major, minor in ((0, 0), (1, 0), (15, 0), (16, 0), (17, 1), (17, 0xFFFF), (18, 0),
                         (0xFFFF, 0xFFFF)):
        add(f"bytecode-version-{major}.{minor}", good.edit().put(version, "I", major << 16 | minor),
            f"bytecode version {major}.{minor} is not known; this build runs 17.0", INCOMPATIBLE)
    add("bytecode-version-missing", good.edit().without_field(good.root(), 13),
        "bytecode version 0.0 is not known", INCOMPATIBLE)
    requirements = good.module_field("requirements")
    for bit in (4, 7, 31):
        add(f"module-feature-{bit}", good.edit().put(requirements, "I", 1 << bit),
            "of which this build lacks", INCOMPATIBLE)

    name = good.field(good.tables("types")[0], 0)
    for text in (b"i7", b"hal.buffer", b"!", b"f16", b"i320", b"I32"):
        add(f"type-name-{text.decode()}", (lambda m: m.set_string(name, text))(good.edit()),
            f'types[0]: full_name "{text.decode()}" is no type')
    name = good.field(good.tables("imported_functions")[0], 0)
    add("import-without-module", (lambda m: m.set_string(name, b"plain"))(good.edit()),
        'full_name "plain" names no module')

    bad_conventions = (b"0", b"1v_v", b"i_i", b"0i", b"0x_v", b"0i_x", b"0Ci_v", b"0CiCiDD_v",
                       b"0CD_v", b"0i_CiD", b"0iD_v", b"0i_i_i", b"0vv_v", b"0iv_v", b"0i_vv", b"_",
                       b"0DC_v", b"0 i_v", b"0I_\xc3\xa4")
    in_import = good.field(good.follow(good.field(good.tables("imported_functions")[0], 1)), 0)
    in_function = good.field(good.tables("function_signatures")[0], 0)
    for where, at, list_name in (("import", in_import, "imported_functions[0]"),
                                 ("function", in_function, "function_signatures[0]")):
        for i, text in enumerate(bad_conventions):
            label = text.decode(errors="replace")
            add(f"{where}-convention-{i}-{label}", (lambda m: m.set_string(at, text))(good.edit()),
                f"{list_name}: calling_convention")
    add("function-convention-variadic", (lambda m: m.set_string(in_function, b"0iCiD_v"))(good.edit()),
        "variadic arguments, which only imports can have")

    exported = next(t for t in good.tables("exported_functions") if good.field(t, 1))
    ordinal = good.field(exported, 1)
    count = function_count(good)
    for value in (count, count + 1, 0x7FFFFFFF, 0xFFFFFFFF):
        add(f"export-ordinal-{value}", good.edit().put(ordinal, "I", value), f"is function {value} of")
    first = good.tables("exported_functions")[0]
    for text in (b"__init", b"__deinit"):
        add(f"export-{text.decode()}-with-arguments",
            (lambda m: m.set_string(good.field(first, 0), text))(good.edit()),
            "must take and return nothing")

    descriptors = good.vector("function_descriptors")
    signatures = good.vector("function_signatures")
    add("one-descriptor-less", good.edit().put(descriptors[0], "I", count - 1),
        f"{count} function_signatures for {count - 1} function_descriptors")
    add("one-signature-less", good.edit().put(signatures[0], "I", count - 1),
        f"{count - 1} function_signatures for {count} function_descriptors")
    bytecode_size = good.vector("bytecode_data")[2]
    at = descriptors[1]
    for offset, length in ((0xFFFFFFFF, 1), (0x80000000, 8), (bytecode_size, 1),
                           (bytecode_size - 7, 8), (0, bytecode_size + 1), (0, 0), (8, 0xFFFFFFFF),
                           (0xFFFFFFF8, 16), (0, 0x80000000)):
        add(f"function-bytecode-at-{offset}-size-{length}",
            good.edit().put(at, "II"[0], offset).put(at + 4, "I", length),
            f"function_descriptors[0]: bytecode of {length} bytes at offset {offset}")
    for bit in (4, 16, 31):
        add(f"function-feature-{bit}", good.edit().put(at + 8, "I", 1 << bit),
            "function_descriptors[0]: requires features", INCOMPATIBLE)
    for value in (0x8000, 0xFFFF):
        add(f"function-registers-{value}", good.edit().put(at + 16, "H", value),
            f"function_descriptors[0]: {value} registers")
    for value in (0x4001, 0xFFFF):
        add(f"function-ref-registers-{value}", good.edit().put(at + 18, "H", value),
            f"and {value} reference registers, expected at most")
    function = Function(good, 0)
    for value in (0, function.blocks + 1, 0xFFFF):
        add(f"function-blocks-{value}", good.edit().put(at + 14, "H", value),
            f"blocks, expected {value}")

    state = good.follow(good.module_field("module_state"))
    for number, label in ((0, "bytes"), (1, "references")):
        at = good.field(state, number)
        for value in (0x80000000, 0xFFFFFFFF):
            add(f"state-{label}-{value}", good.edit().put(at, "I", value), "expected less than 2^31")
    add("state-no-bytes", good.edit().put(good.field(state, 0), "I", 0),
        "past the end of the state (0 bytes)")
    add("state-4-bytes", good.edit().put(good.field(state, 0), "I", 4),
        "past the end of the state (4 bytes)")
    add("state-12-bytes-for-i64-at-8", good.edit().put(good.field(state, 0), "I", 12),
        "global of 8 bytes at 8, past the end of the state (12 bytes)")
    add("state-no-references", good.edit().put(good.field(state, 1), "I", 0),
        "global reference 0 does not exist")
    add("state-missing", good.edit().without_field(good.root(), 11), "past the end of the state")

    module = good.edit()
    segment_vtable = module.append(struct.pack("<HHHHH", 10, 12, 8, 0, 4), 2)
    segment = module.append(bytes(8) + b"\x02\0\0\0")
    module.put(segment, "i", segment - segment_vtable)
    data = module.append_string(b"data")
    module.point(segment + 4, data).point(module.vector("rodata_segments")[1], segment)
    add("rodata-compressed", module, "compression type 2 is not known", INCOMPATIBLE)


# ---- Defects of bytecode ---------------------------------------------------------------------------

def operand_defects(module, function, operand, counts, marker):
    """(label, change, text) for each way to break one operand; change is (position, form, value)."""
    at, letter = operand.at, operand.letter
    registers, refs = function.registers, function.refs

    def value_register(position, wide):
        yield "beyond", (position, "H", registers), f"value register {registers} does not exist"
        yield "far-beyond", (position, "H", 0x7FFE), "value register 32766 does not exist"
        yield "is-reference", (position, "H", REF_BIT), "is a reference, expected a value"
        if wide and registers >= 4:
            yield "odd", (position, "H", 1), "register 1 of a 64-bit value is odd"
        if wide:
            yield "half-beyond", (position, "H", registers - 1), \
                f"value register {registers - 1} does not exist"

    def ref_register(position, may_move):
        yield "beyond", (position, "H", REF_BIT | refs), f"reference register {refs} does not exist"
        yield "far-beyond", (position, "H", REF_BIT | 0x3FFF), "reference register 16383 does not exist"
        yield "is-value", (position, "H", 0), "is no reference, expected one"
        if not may_move and refs:
            yield "moves", (position, "H", REF_BIT | MOVE_BIT), "moves where it may not"

    def ordinal(what, limit, beyond=None):
        for value in (limit, 0x7FFFFFFF, 0xFFFFFFFF):
            yield f"is-{value}", (at, "I", value), f"{what} {value} does not exist"

    if letter in "if":
        yield from value_register(at, False)
    elif letter in "IF":
        yield from value_register(at, True)
    elif letter == "r":
        yield from ref_register(at, False)
    elif letter == "m":
        yield from ref_register(at, not operand.result)
    elif letter == "g":
        for value in (counts["global_bytes"], 0xFFFFFFFC if operand.size == 4 else 0xFFFFFFF8,
                      0xFFFFFFFF, 0x80000000):
            yield f"is-{value}", (at, "I", value), f"global of {operand.size} bytes at {value}, past"
        yield "unaligned", (at, "I", 1 if operand.size == 4 else 4), "is not aligned"
        if operand.size == 8:
            yield "half-outside", (at, "I", counts["global_bytes"] - 4), "past the end of the state"
    elif letter == "G":
        yield from ordinal("global reference", counts["global_refs"])
    elif letter == "t":
        yield from ordinal("type", counts["types"])
    elif letter == "d":
        yield from ordinal("rodata segment", counts["rodata"])
    elif letter == "k":
        imports = counts["imports"]
        yield "import-beyond", (at, "I", IMPORT_BIT | imports), f"import {imports} does not exist"
        yield "import-far-beyond", (at, "I", 0xFFFFFFFF), "import 2147483647 does not exist"
    elif letter == "s":
        yield "too-long", (at, "H", 0xFFFF), "reaches past the end of the function"
    elif letter == "n":
        yield "too-many-cases", (at, "H", 0xFFFF), "instruction 0x83 at"
    elif letter == "b":
        size = function.size
        yield "past-end", (at, "I", size), f"branch to 0x{size:x}, past the end"
        yield "all-ones", (at, "I", 0xFFFFFFFF), "branch to 0xffffffff, past the end"
        target = module.u32(at)
        yield "into-instruction", (at, "I", target + 3), f"branch to 0x{target + 3:x}, where no block"
        yield "behind-marker", (at, "I", target + 1), f"branch to 0x{target + 1:x}, where no block"
        if marker is not None:
            yield "false-marker", (at, "I", marker), f"branch to 0x{marker:x}, where no block"
    elif letter == "p":
        yield "count-all-ones", (at, "H", 0xFFFF), "reaches past the end of the function"
        if operand.count:
            source, target = module.u16(at + 2), module.u16(at + 4)
            if source & REF_BIT:
                yield "source-beyond", (at + 2, "H", REF_BIT | refs), "does not exist"
                yield "target-beyond", (at + 4, "H", REF_BIT | refs), "does not exist"
                yield "target-moves", (at + 4, "H", target | MOVE_BIT), "moves where it may not"
                yield "source-is-value", (at + 2, "H", 0), "copies between a reference and a value"
                yield "target-is-value", (at + 4, "H", 0), "copies between a reference and a value"
            else:
                yield "value-source-beyond", (at + 2, "H", registers), "does not exist"
                yield "value-target-beyond", (at + 4, "H", registers), "does not exist"
                if refs:
                    yield "source-is-reference", (at + 2, "H", REF_BIT), "copies between"
                    yield "target-is-reference", (at + 4, "H", REF_BIT), "copies between"
    elif letter == "z":
        for i in range(operand.count):
            size = struct.unpack_from("<h", module.data, at + 2 + 2 * i)[0]
            if size < 0:
                yield f"plain-{i}-is-2", (at + 2 + 2 * i, "h", 2), "segment size 2 for plain"
            else:
                yield f"variadic-{i}-is-minus-1", (at + 2 + 2 * i, "h", -1), "segment size -1 for variadic"
                for value in (0, size + 1, 32767):
                    yield f"variadic-{i}-is-{value}", (at + 2 + 2 * i, "h", value), "expected"
        # The first size is then read as the number of arguments.
        yield "count-0", (at, "H", 0), "reaches past the end of the function"
        yield "count-all-ones", (at, "H", 0xFFFF), "reaches past the end of the function"
    elif letter[0] == "v" or letter == "*":
        yield "count-all-ones", (at, "H", 0xFFFF), "reaches past the end of the function"
        for i in range(operand.count):
            position = at + 2 + 2 * i
            if module.u16(position) & REF_BIT:
                may_move = not operand.result
                for label, change, text in ref_register(position, may_move):
                    if label == "is-value" and letter == "v*" and counts["any"]:
                        continue
                    yield f"item-{i}-{label}", change, text
            else:
                kinds = value_register(position, letter[-1] in "IF")
                for label, change, text in kinds:
                    if label == "is-reference" and letter == "v*" and counts["any"]:
                        continue
                    if label == "is-reference" and refs == 0:
                        text = "register 0"
                    yield f"item-{i}-{label}", change, text


CALLS = {"call", "call.variadic", "call.yieldable", "call.variadic.yieldable"}


def bytecode(corpus, good, opcodes, source):
    """Breaks every operand of every kind of instruction once."""
    add = corpus.add
    state = good.follow(good.module_field("module_state"))
    number = lambda at: good.u32(at) if at else 0
    counts = {
        "global_bytes": number(good.field(state, 0)),
        "global_refs": number(good.field(state, 1)),
        "types": good.vector("types")[2],
        "rodata": good.vector("rodata_segments")[2] if good.module_field("rodata_segments") else 0,
        "imports": good.vector("imported_functions")[2]
        if good.module_field("imported_functions") else 0,
    }
    seen = set()
    for index in range(function_count(good)):
        function = Function(good, index)
        instructions = decode(good, function, opcodes)
        # A byte that looks like a block marker inside of an instruction.
        starts = {i.start for i in instructions}
        markers = [i for i in range(function.start, function.end)
                   if good.u8(i) == 0x79 and i not in starts]
        marker = markers[0] - function.start if markers else None
        for instruction in instructions:
            counts["any"] = instruction.mnemonic in ("trace", "print", "discard.refs")
            for position, operand in enumerate(instruction.operands):
                defects = operand_defects(good, function, operand, counts, marker)
                for label, (at, form, value), text in defects:
                    name = f"{source}-{instruction.mnemonic}-{position}{operand.letter}-{label}"
                    if name in seen:
                        continue
                    seen.add(name)
                    module = good.edit().put(at, form, value)
                    add(name, module, text)
    return counts


def control_flow(corpus, good, opcodes):
    add = corpus.add
    for index in range(function_count(good)):
        function = Function(good, index)
        instructions = decode(good, function, opcodes)
        length_at = function.descriptor + 4
        # Cut at each boundary between instructions, and in the middle of each. Branches over the
        # cut are noticed first.
        furthest = 0
        for i, instruction in enumerate(instructions):
            offset = instruction.start - function.start
            if i:
                text = "ends without a terminator"
                if instructions[i - 1].mnemonic in TERMINATORS:
                    text = "blocks, expected"
                if furthest >= offset:
                    text = "past the end of the function"
                add(f"function-{index}-cut-at-0x{offset:x}", good.edit().put(length_at, "I", offset),
                    text)
            for operand in instruction.operands:
                if operand.letter == "b":
                    furthest = max(furthest, good.u32(operand.at))
            if instruction.end - instruction.start > 1:
                cut = instruction.end - function.start - 1
                add(f"function-{index}-cut-inside-0x{offset:x}",
                    good.edit().put(length_at, "I", cut), "past the end of the function")
        second = instructions[1]
        add(f"function-{index}-no-first-marker", good.edit().put(function.start, "B", 0x0C),
            "at 0x0: instruction outside of a block")
        add(f"function-{index}-marker-in-block", good.edit().put(second.start, "B", 0x79),
            "block begins before the last one was ended")
        if function.blocks > 1:
            add(f"function-{index}-one-block-less",
                good.edit().put(function.descriptor + 14, "H", function.blocks - 1),
                f"has {function.blocks} blocks, expected {function.blocks - 1}")
        # Padding that is not zero.
        room = (8 - function.size % 8) % 8
        if room:
            module = good.edit().put(length_at, "I", function.size + 1)
            add(f"function-{index}-dirty-padding", module.put(function.end, "B", 0x5A),
                "instruction outside of a block")
        # Arguments have registers whatever the descriptor says.
        values, refs = function.argument_registers()
        if function.registers > values:
            add(f"function-{index}-no-registers", good.edit().put(function.descriptor + 16, "H", 0),
                "register")
        if function.refs > refs:
            add(f"function-{index}-no-ref-registers",
                good.edit().put(function.descriptor + 18, "H", 0), "reference register")

    # Every opcode that does not exist, in place of the first instruction of a function.
    function = Function(good, 0)
    for number in range(256):
        if ("core", number) not in opcodes:
            add(f"opcode-0x{number:02x}", good.edit().put(function.start + 1, "B", number),
                f"opcode 0x{number:02x} is not known")


def extensions(corpus, good, opcodes):
    add = corpus.add
    for index in range(function_count(good)):
        function = Function(good, index)
        for feature, prefix in (("f32", 0xE0), ("f64", 0xE1)):
            first = next((i for i in decode(good, function, opcodes)
                          if good.u8(i.start) == prefix), None)
            if first is None:
                continue
            add(f"function-{index}-{feature}-not-required",
                good.edit().put(function.descriptor + 8, "I",
                                function.requirements & ~(1 if feature == "f32" else 2)),
                f"{feature} instruction in a function that does not require the feature")
            for number in (0x3E, 0x3F, 0x40, 0x7F, 0x80, 0xFF):
                if (feature, number) not in opcodes:
                    add(f"function-{index}-{feature}-opcode-0x{number:02x}",
                        good.edit().put(first.start + 1, "B", number),
                        f"opcode 0x{number:02x} is not known")


def calls(corpus, good, opcodes):
    """Calls that do not fit what they call."""
    add = corpus.add
    imports = {good.string(good.field(t, 0)).decode(): i
               for i, t in enumerate(good.tables("imported_functions"))}
    functions = function_count(good)
    seen = set()
    for index in range(functions):
        function = Function(good, index)
        for instruction in decode(good, function, opcodes):
            name = instruction.mnemonic
            operands = {o.letter: o for o in instruction.operands}
            if name == "import.resolved":
                add("import.resolved-of-a-function", good.edit().put(operands["k"].at, "I", 0),
                    "is no import, which the instruction needs")
            if name == "return" and operands["v*"].count:
                count = operands["v*"]
                add(f"return-{index}-one-less", good.edit().put(count.at, "H", count.count - 1),
                    f"{count.count - 1} results, expected")
                add(f"return-{index}-none", good.edit().put(count.at, "H", 0), "0 results, expected")
            if name not in CALLS or (name, operands["k"].at) in seen:
                continue
            seen.add((name, operands["k"].at))
            at, where = operands["k"].at, f"{name}-in-{index}-at-{instruction.start - function.start}"
            arguments, results = operands["v*"], operands["*"]
            if "variadic" in name:
                for value in (0, functions, 0x7FFFFFFF):
                    add(f"{where}-of-function-{value}", good.edit().put(at, "I", value),
                        f"function {value} is no import, which the instruction needs")
            else:
                for value in (functions, 0x7FFFFFFF):
                    add(f"{where}-of-function-{value}", good.edit().put(at, "I", value),
                        f"function {value} does not exist")
                for label in ("other.pairs", "other.slow_many"):
                    add(f"{where}-plain-call-of-{label}",
                        good.edit().put(at, "I", IMPORT_BIT | imports[label]),
                        "plain call of a variadic import")
            for label, wrong in (("arguments", arguments), ("results", results)):
                if wrong.count:
                    add(f"{where}-{label}-one-less", good.edit().put(wrong.at, "H", wrong.count - 1),
                        f"{wrong.count - 1} {label}, expected")
                    add(f"{where}-{label}-none", good.edit().put(wrong.at, "H", 0),
                        f"0 {label}, expected")
            add(f"{where}-results-one-more", good.edit().put(results.at, "H", results.count + 1),
                f"{results.count + 1} results, expected")

    # The signature changes under a body that stays.
    signatures = good.tables("function_signatures")
    for index, table in enumerate(signatures):
        at = good.field(table, 0)
        convention = good.string(at).decode()
        arguments, results = convention[1:].split("_")
        if convention == "0v_v" or not good.string(at):
            continue
        plain = "" if results == "v" else results
        for label, text, message in (
                ("result-more", f"0{arguments}_{plain}r", "results, expected"),
                ("result-none", f"0{arguments}_v", "results, expected"),
                ("result-other-class",
                 f"0{arguments}_" + ("r" if plain[:1] != "r" else "i") + plain[1:], "reference, expected"),
                ("arguments-20000", "0" + "I" * 20000 + f"_{results}", "need 40000 registers"),
                ("references-20000", "0" + "r" * 20000 + f"_{results}",
                 "and 20000 reference registers")):
            if text == convention or (label == "result-none" and results == "v"):
                continue
            if label == "result-other-class" and results == "v":
                continue
            module = good.edit()
            module.set_string(at, text.encode())
            # A caller or the function's own return notices; fail in place of return hides results.
            if label.startswith("result") and not any(
                    i.mnemonic == "return" for i in decode(good, Function(good, index), opcodes)):
                continue
            add(f"function-{index}-convention-{label}", module, message)
    for name, index in imports.items():
        table = good.tables("imported_functions")[index]
        at = good.field(good.follow(good.field(table, 1)), 0)
        for label, text in (("no-arguments", "0v_v"), ("other-result", "0v_rrrrrr"),
                            ("long", "0" + "i" * 100 + "_v"), ("all-variadic", "0CiD_v"),
                            ("other-classes", "0rrr_FF")):
            module = good.edit()
            module.set_string(at, text.encode())
            add(f"import-{name}-convention-{label}", module, "instruction 0x")


# ---- Main ------------------------------------------------------------------------------------------

def compile_module(compiler, source, target, *flags):
    subprocess.run([compiler, *flags, str(source), "-o", str(target)], check=True)
    return Module(target.read_bytes())


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--compiler", required=True)
    parser.add_argument("--opcodes", required=True, type=pathlib.Path)
    parser.add_argument("--sources", required=True, type=pathlib.Path)
    parser.add_argument("--out", required=True, type=pathlib.Path)
    args = parser.parse_args()
    if not shutil.which(args.compiler):
        print(f"skipped: no compiler at {args.compiler}")
        return 77

    shutil.rmtree(args.out, ignore_errors=True)
    good_dir = args.out / "good"
    good_dir.mkdir(parents=True)
    (args.out / "bad").mkdir()
    vm = "--compile-mode=vm"
    core = compile_module(args.compiler, args.sources / "core.mlir", good_dir / "core.vmfb", vm)
    bare = compile_module(args.compiler, args.sources / "core.mlir", good_dir / "bare.vmfb", vm,
                          "--iree-vm-emit-polyglot-zip=false")
    floats = compile_module(args.compiler, args.sources / "floats.mlir", good_dir / "floats.vmfb", vm)
    unused = compile_module(args.compiler, args.sources / "unused.mlir", good_dir / "unused.vmfb", vm)
    unused.put(Function(unused, 0).descriptor + 16, "I", 0)
    (good_dir / "unused.vmfb").write_bytes(unused.data)
    tensor = compile_module(
        args.compiler, args.sources / "tensor.mlir", good_dir / "tensor.vmfb",
        "--iree-hal-target-device=local", "--iree-hal-local-target-device-backends=llvm-cpu",
        "--iree-llvmcpu-target-cpu=generic")

    opcodes = read_opcodes(args.opcodes)
    corpus = Corpus(args.out)
    container(corpus, core, bare, tensor)
    flatbuffer(corpus, core)
    tables(corpus, core)
    bytecode(corpus, core, opcodes, "core")
    bytecode(corpus, floats, opcodes, "floats")
    control_flow(corpus, core, opcodes)
    extensions(corpus, floats, opcodes)
    calls(corpus, core, opcodes)
    (args.out / "manifest.txt").write_text("".join(corpus.lines))
    print(f"{len(corpus.lines)} malformed modules in {args.out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
