"""Reads which tests IREE's tree has, and with which flags of the compiler, from its BUILD files.

A BUILD.bazel file is a Python expression after another. Each is evaluated with functions that note
the suites, and none of Python's own beyond a few harmless ones; everything else it calls does
nothing.
"""

import ast
import dataclasses
import pathlib
import re


@dataclasses.dataclass
class Suite:
    folder: str             # "tests/e2e/linalg"
    name: str               # "check_llvm-cpu_local-task"
    backend: str            # "llvm-cpu"
    flags: tuple            # of the compiler, as they stand there
    sources: list           # paths below the tree, or below the folder of what is generated
    kind: str = "check"     # "check": through the check module; "lit": RUN lines; "vm": bytecode


@dataclasses.dataclass
class Generated:
    folder: str
    command: str
    outputs: list


CPU_BACKENDS = ("llvm-cpu", "vmvx")


def _quiet(*_args, **_kwargs):
    return []


class _Reader:
    def __init__(self, folder):
        self.folder = folder
        self.suites, self.generated = [], []

    def source(self, label):
        """A path for "x.mlir", ":x.mlir" and "//folder:x.mlir"."""
        if label.startswith("//"):
            folder, _, name = label[2:].partition(":")
            return folder + "/" + name
        return self.folder + "/" + label.lstrip(":")

    def check(self, name, srcs, target_backend, driver=None, compiler_flags=(), input_type=None,
              **_others):
        if target_backend not in CPU_BACKENDS or not driver:
            return
        flags = ["--iree-hal-target-backends=" + target_backend]
        # Bazel's own quoting of parentheses.
        flags += [re.sub(r"\\+([()])", r"\1", flag) for flag in compiler_flags]
        if input_type:
            flags.append("--iree-input-type=" + input_type)
        self.suites.append(Suite(self.folder, name, target_backend, tuple(flags),
                                 [self.source(src) for src in srcs]))

    def check_all(self, name, srcs, compiler_flags=(), target_backends_and_drivers=None, **others):
        pairs = target_backends_and_drivers or [(backend, "local-task") for backend in CPU_BACKENDS]
        for backend, driver in pairs:
            self.check("%s_%s_%s" % (name, backend, driver), srcs, backend, driver,
                       list(compiler_flags) + ["--iree-llvmcpu-target-cpu=generic"], **others)

    def lit(self, name, srcs, **_others):
        self.suites.append(Suite(self.folder, name, "lit", (), [self.source(src) for src in srcs],
                                 "lit"))

    def vm(self, name, src, flags=(), **_others):
        if self.folder.startswith("runtime/src/iree/vm/"):
            self.suites.append(Suite(self.folder, name, "vm", tuple(flags), [self.source(src)],
                                     "vm"))

    def rule(self, outs, cmd, **_others):
        self.generated.append(Generated(self.folder, cmd, [self.source(out) for out in outs]))


def _files(first=(), include=(), exclude=(), **_others):
    """enforce_glob: the list, which has to be what the patterns find."""
    return [name for name in first if name not in exclude]


def read_build_file(path, folder):
    """(suites, what is generated) of one BUILD.bazel."""
    text = pathlib.Path(path).read_text()
    reader = _Reader(folder)
    known = {
        "iree_check_single_backend_test_suite": reader.check,
        "iree_check_test_suite": reader.check_all,
        "iree_lit_test_suite": reader.lit,
        "iree_vmasm_module": reader.vm,
        "iree_bytecode_module": reader.vm,
        "iree_genrule": reader.rule,
        "enforce_glob": _files,
        "len": len, "range": range, "zip": zip, "sorted": sorted, "str": str, "dict": dict,
        "True": True, "False": False, "None": None,
    }
    tree = ast.parse(text, str(path))
    for node in ast.walk(tree):
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            raise ValueError("%s: a BUILD file imports nothing" % path)
        # Names that lead out of the few functions above.
        if isinstance(node, ast.Attribute) and node.attr.startswith("_"):
            raise ValueError("%s: unexpected name %s" % (path, node.attr))
        if isinstance(node, ast.Name):
            known.setdefault(node.id, _quiet)

    class Native:
        test_suite = staticmethod(_quiet)
        glob = staticmethod(_quiet)
    known["native"] = Native
    known["__builtins__"] = {}
    exec(compile(tree, str(path), "exec"), known)  # pylint: disable=exec-used
    return reader.suites, reader.generated


def read_tree(root, folders):
    """(suites, what is generated) of every BUILD.bazel below the folders."""
    suites, generated = [], []
    for folder in folders:
        for path in sorted((root / folder).rglob("BUILD.bazel")):
            found, made = read_build_file(path, str(path.parent.relative_to(root)))
            suites += found
            generated += made
    return suites, generated


def generator_command(rule, root, out):
    """The command of a rule as arguments, its standard output as a path."""
    words = rule.command.split()
    target = None
    arguments = []
    place = re.compile(r"\$\((?:rootpath|location|execpath) ([^)]*)\)")
    text = " ".join(words)
    if ">" in text:
        text, _, redirected = text.partition(">")
        target = out / rule.folder / pathlib.Path(place.sub(r"\1", redirected).strip()).name
    for word in re.findall(r"(?:\$\([^)]*\)|\S)+", text):
        arguments.append(place.sub(lambda found: str(root / rule.folder / found.group(1)), word))
    return arguments, target
