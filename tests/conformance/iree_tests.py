"""Runs IREE's own tests on Eerie, beside iree-run-module of the same release.

    iree_tests.py --source IREE_TREE --eerie build/release/eerie [--tools VENV/bin] [FILTER...]

Of the tree it takes tests/e2e (what is compiled for the CPU: the `check` tests, with the flags that
the BUILD files give, and those with RUN lines) and the tests of the virtual machine. In short:

    llvm-cpu, vmvx    every function of a test is called; what it expects has to hold
    inline-static,    the same tests, changed so that they return what they checked: the results are
    inline-dynamic,   compared with iree-run-module's bit for bit
    async-external
    vm                bytecode: every function is called, those named fail_* have to fail
    lit               RUN lines; the output has to be iree-run-module's, word for word

Prints how many pass in each folder. iree_pass_list-RELEASE.txt says what must pass: one that stops
passing is exit code 1, and so is a crash, and a function that passes there and not here.
--update-list writes the list. Results go to --out for report.py. A FILTER is a part of
"folder suite file backend".
"""

import argparse
import json
import os
import pathlib
import re
import shlex
import sys
import tempfile

import common
import iree_rewrite
import iree_suites

HERE = pathlib.Path(__file__).resolve().parent
FOLDERS = ("tests/e2e", "runtime/src/iree/vm/test")
DEVICE = "--device=local-sync"

# Suites that IREE's tree has not: its `check` tests in other execution models.
RETURNING = {
    "inline-static": ("vmvx", ("--iree-execution-model=inline-static",
                               "--iree-hal-target-backends=vmvx-inline")),
    "inline-dynamic": ("llvm-cpu", ("--iree-execution-model=inline-dynamic",
                                    "--iree-hal-target-backends=llvm-cpu",
                                    "--iree-llvmcpu-target-cpu=generic")),
    "async-external": ("vmvx", ("--iree-execution-model=async-external",
                                "--iree-hal-target-backends=vmvx")),
}


class Case:
    """A file compiled one way."""

    def __init__(self, folder, suite, path, backend, flags, kind):
        self.folder, self.suite, self.path = folder, suite, path
        self.backend, self.flags, self.kind = backend, flags, kind
        self.total, self.module, self.error = 0, None, ""
        self.calls = {}      # (number of results, inputs) of functions that return something
        self.iree, self.eerie = {}, {}
        self.bit_equal = None
        self.helpers = []    # modules that this one imports

    @property
    def name(self):
        return "%s %s %s" % (self.folder, self.suite, pathlib.Path(self.path).name)

    @property
    def passed(self):
        return sorted(name for name, verdict in self.eerie.items() if verdict == "pass")

    @property
    def behind(self):
        """Functions that pass with IREE's runtime and not here."""
        return sorted(name for name, verdict in self.iree.items()
                      if verdict == "pass" and self.eerie.get(name) != "pass")


def collect(root, generated, suites):
    """All cases: those of the BUILD files, and the check tests in other execution models."""
    cases, seen, again = [], set(), {}
    for suite in suites:
        for path in suite.sources:
            key = (suite.folder, suite.flags, path)
            if key in seen or not (find_source(root, generated, path)):
                continue
            seen.add(key)
            cases.append(Case(suite.folder, suite.name, path, suite.backend, suite.flags,
                              suite.kind))
            if suite.kind == "check":
                extra = tuple(flag for flag in suite.flags
                              if not flag.startswith(("--iree-hal-target-backends",
                                                      "--iree-llvmcpu-target-cpu")))
                again.setdefault((suite.folder, path, suite.backend), extra)
    for name, (like, flags) in RETURNING.items():
        for (folder, path, backend), extra in again.items():
            if backend == like:
                cases.append(Case(folder, name, path, name, flags + extra, "returning"))
    return cases


def find_source(root, generated, path):
    for base in (root, generated):
        if (base / path).is_file():
            return base / path
    return None


def source_functions(text):
    text = re.sub(r"//[^\n]*", "", text)
    return re.findall(r"\bfunc\.func @([\w$.-]+)\s*\(\s*\)", text)


class Corpus:
    def __init__(self, arguments, tools, kept):
        self.root = pathlib.Path(arguments.source)
        self.eerie = pathlib.Path(arguments.eerie).resolve()
        self.timeout = arguments.timeout
        self.tools, self.kept = tools, kept
        self.generated = kept.folder / "generated"
        # The command and, when it is linked dynamically, the library beside it.
        self.eerie_is = common.digest(self.eerie, *sorted(self.eerie.parent.glob("libeerie.so*")))
        self.checks = {}

    # ---- Making modules --------------------------------------------------------------------------

    def generate(self, rules):
        for rule in rules:
            command, target = iree_suites.generator_command(rule, self.root, self.generated)
            if not target or command[0] != "python3":
                continue
            done = common.run([sys.executable] + command[1:], self.timeout)
            if done.ok:
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_text(done.out)

    def check_module(self):
        """The module `check` for iree-run-module."""
        source = (HERE / "check.mlir").read_text()
        dims = "\n".join("""
    %%past_%d = arith.constant %d : index
    %%has_%d = arith.cmpi ugt, %%a_rank, %%past_%d : index
    scf.if %%has_%d {
      %%x = hal.buffer_view.dim<%%a : !hal.buffer_view>[%d] : index
      %%y = hal.buffer_view.dim<%%b : !hal.buffer_view>[%d] : index
      %%ok = arith.cmpi eq, %%x, %%y : index
      cf.assert %%ok, "expected the same shape"
    }""" % ((i,) * 7) for i in range(8))
        flags = ["--iree-hal-target-device=local", "--iree-hal-local-target-device-backends=vmvx",
                 "--iree-input-demote-f64-to-f32=false"]
        module, why = self.tools.compile(source.replace("    // DIMENSIONS", dims), flags)
        if not module:
            raise SystemExit("check.mlir: " + why)
        return module

    def yieldable_module(self):
        module, why = self.tools.compile((HERE / "yieldable_test.mlir").read_text(),
                                         ["--compile-mode=vm"])
        if not module:
            raise SystemExit("yieldable_test.mlir: " + why)
        return module

    def compile(self, case):
        """Fills in module, error, total and counts."""
        path = find_source(self.root, self.generated, case.path)
        source = path.read_text()
        if case.kind == "lit":
            case.total = len(run_lines(source))
            return
        if case.kind == "vm":
            text = path.suffix == ".vmasm"
            if "@yieldable_test." in source:
                # No compiled module can provide a variadic function: its callers have to do without.
                case.helpers.append(self.yieldable_module())
                source = re.sub(r"(vm\.import (?:private )?)(@yieldable_test\.yield_variadic)",
                                r"\1optional \2", source)
            if text and not self.tools.has_assembler:
                case.error = "no iree-as-module in this release"
                return
            case.module, case.error = self.tools.compile(
                source, case.flags, self.timeout, "iree-as-module" if text else "iree-compile",
                path.suffix)
            case.total = len(re.findall(r"vm\.export\s+(?:public\s+)?@", source))
        else:
            case.total = len(source_functions(source))
            if case.kind == "returning":
                source, case.calls = iree_rewrite.returning(source, "inline" in case.backend)
                case.total = len(case.calls)
                if not case.calls:
                    case.error = "no function that can be changed"
                    return
            case.module, case.error = self.tools.compile(source, case.flags, self.timeout)
        if case.module and not case.calls:
            case.total = max(case.total, len(self.functions(case.module)))

    def functions(self, module):
        """Exports without arguments, as iree-dump-module lists them."""
        def dump():
            done = common.run([self.tools.program("iree-dump-module"), "--output=metadata", module],
                              self.timeout)
            text = done.out.partition("Exported Functions:")[2].partition("//===")[0]
            return re.findall(r"^ +\[ *\d+\] ([^\s(]+)\(\) ->", text, re.M)
        found = self.kept.json(common.digest("exports", module), dump)
        return [name for name in found if not name.startswith("__")]

    # ---- Running ---------------------------------------------------------------------------------

    def call(self, runner, modules, function, outputs, inputs, timeout):
        """(verdict, digest of the results): one function in a process of its own."""
        command = [runner, "run"] if runner == self.eerie else [runner]
        command += ["--module=%s" % module for module in modules]
        command += [DEVICE, "--function=" + function, *inputs]
        with tempfile.TemporaryDirectory(dir=self.kept.folder) as folder:
            files = [pathlib.Path(folder) / str(i) for i in range(outputs)]
            done = common.run(command + ["--output=@%s" % name for name in files],
                              min(self.timeout, timeout))
            bits = common.digest(*files) if done.ok and all(map(os.path.exists, files)) else ""
        verdict = "crash: " + done.why() if done.crashed else \
            "timeout" if done.code is None else "pass" if done.ok else "fail: " + done.why()
        if function.startswith("fail_") and not done.crashed and done.code is not None:
            verdict = "fail: no error" if done.ok else "pass"
        return verdict, bits

    def run_functions(self, case):
        module = case.module
        # Inline modules have no devices, so that the module `check` cannot serve them.
        checks = [self.checks["check"]] if case.kind == "check" else []
        functions = list(case.calls) or self.functions(module)

        def ask(runner, modules, is_what):
            def all_of_them():
                return {name: self.call(runner, modules, name, *case.calls.get(name, (0, ())),
                                        5 if case.helpers else 30)
                        for name in functions}
            name = common.digest("calls 2", is_what, DEVICE, json.dumps(case.calls),
                                 *functions, *modules)
            answers = self.kept.json(name, all_of_them)
            # Perhaps the machine was busy. But iree-run-module never ends after a vm.yield.
            if any(verdict == "timeout" for verdict, _ in answers.values()) and not case.helpers:
                self.kept.path(name + ".json").unlink(missing_ok=True)
            return answers

        iree_runner = self.tools.program("iree-run-module")
        theirs = ask(iree_runner, checks + case.helpers + [module], "iree " + self.tools.release)
        ours = ask(self.eerie, case.helpers + [module], "eerie " + self.eerie_is)
        case.iree = {name: verdict for name, (verdict, _) in theirs.items()}
        case.eerie = {name: verdict for name, (verdict, _) in ours.items()}
        if case.kind == "returning":
            case.bit_equal = 0
            for name in functions:
                if theirs[name][0] != "pass" or ours[name][0] != "pass":
                    continue
                if theirs[name][1] == ours[name][1]:
                    case.bit_equal += 1
                else:
                    case.eerie[name] = "fail: other bits than iree-run-module"

    def run_lit(self, case):
        path = find_source(self.root, self.generated, case.path)
        for number, line in enumerate(run_lines(path.read_text()), 1):
            name = "RUN-%d" % number
            with tempfile.TemporaryDirectory(dir=self.kept.folder) as folder:
                answers = [run_line(line, path, pathlib.Path(folder) / "t", self.tools, runner,
                                    self.timeout)
                           for runner in ([self.tools.program("iree-run-module")],
                                          [self.eerie, "run"])]
            (theirs, why), (ours, our_why) = answers
            if theirs is None and why.startswith("not for here"):
                case.total -= 1
                continue
            case.module = case.module or path
            case.iree[name] = "pass" if theirs is not None else "fail: " + why
            case.eerie[name] = "fail: " + our_why if ours is None else \
                "pass" if ours == theirs or theirs is None else "fail: another output"

    def run(self, case):
        self.compile(case)
        if case.kind == "lit":
            self.run_lit(case)
        elif case.module:
            self.run_functions(case)
        return case

    def self_test(self):
        """The check module of IREE's side has to tell apart what holds and what does not."""
        source = (HERE / "expectations.mlir").read_text()
        case = Case("", "", "expectations.mlir", "llvm-cpu", (), "check")
        case.module, case.error = self.tools.compile(
            source, ["--iree-hal-target-backends=vmvx", "--iree-input-demote-f64-to-f32=false"],
            self.timeout)
        if not case.module:
            raise SystemExit("expectations.mlir: " + case.error)
        self.run_functions(case)
        wrong = ["%s of %s: %s" % (name, side, verdict)
                 for side, answers in (("iree-run-module", case.iree), ("eerie", case.eerie))
                 for name, verdict in answers.items() if verdict != "pass"]
        if wrong or not case.iree:
            print("the expectations themselves are wrong:\n  " + "\n  ".join(wrong))
            sys.exit(1)


# ---- RUN lines ---------------------------------------------------------------------------------

def run_lines(text):
    """The commands of a test: its RUN lines with their continuations."""
    lines, open_line = [], ""
    for found in re.findall(r"^//\s*RUN:(.*)$", text, re.M):
        open_line += " " + found.strip()
        if open_line.endswith("\\"):
            open_line = open_line[:-1]
            continue
        lines.append(open_line.strip())
        open_line = ""
    # Lines of one test build on each other: those that only prepare belong to the next that runs.
    grouped, before = [], []
    for line in lines:
        before.append(line)
        if "iree-run-" in line or "FileCheck" in line:
            grouped.append(before)
            before = []
    return grouped


def run_line(lines, path, temporary, tools, runner, timeout):
    """(what `runner` printed on standard output, "") for the commands, or (None, why not)."""
    output = ""
    for line in lines:
        text = line.replace("%s", str(path)).replace("%t", str(temporary))
        commands, piped = [[]], None
        lexer = shlex.shlex(text, posix=True, punctuation_chars="|;&<>()")
        lexer.whitespace_split = True
        lexer.commenters = ""
        for word in lexer:
            if word == "|":
                commands.append([])
            elif set(word) <= set(";&<>"):
                return None, "not for here: " + word
            else:
                commands[-1].append(word)
        module = str(temporary) + ".piped.vmfb"
        for command in commands:
            program = command[0]
            if program == "FileCheck":
                continue
            if program == "rm":
                continue
            if program == "iree-compile":
                arguments = command[1:]
                if "-o" not in arguments:
                    arguments += ["-o", module]
                    piped = module
                done = common.run([tools.program(program)] + arguments, timeout)
            elif program == "iree-run-module":
                arguments = [word.replace("--module=-", "--module=%s" % piped) if
                             word == "--module=-" else word for word in command[1:]]
                done = common.run(runner + arguments, timeout)
                output += done.out
            elif program == "iree-run-mlir":
                done = run_mlir(command[1:], module, tools, runner, timeout)
                output += done.out
            elif (tools.program(program)).exists():
                done = common.run([tools.program(program)] + command[1:], timeout)
            else:
                return None, "not for here: no " + program
            if not done.ok:
                return None, "%s: %s" % (program, done.why())
    return output, ""


def run_mlir(arguments, module, tools, runner, timeout):
    """iree-run-mlir: compiles with what stands behind --Xcompiler, runs with the rest."""
    flags, inputs, source = [], [], None
    waiting = False
    for word in arguments:
        if waiting or word.startswith("--Xcompiler,"):
            waiting = False
            text = word.split(",", 1)[1] if word.startswith("--Xcompiler,") else word
            flags.append(text if text.startswith("--") else "--" + text)
        elif word == "--Xcompiler":
            waiting = True
        elif word.startswith("--iree-"):
            flags.append(word)
        elif word.startswith("--"):
            inputs.append(word)
        else:
            source = word
    done = common.run([tools.program("iree-compile"), source, "-o", module] + flags, timeout)
    if not done.ok:
        return done
    if not any(word.startswith("--device") for word in inputs):
        inputs.append(DEVICE)
    # iree-run-mlir calls every function that there is.
    output = ""
    listed = common.run([tools.program("iree-dump-module"), "--output=metadata", module], timeout).out
    names = re.findall(r"^ +\[ *\d+\] ([^\s(]+)\([^\n]*\n +iree\.abi\.declaration", listed, re.M)
    chosen = [word for word in inputs if word.startswith("--function=")]
    for flag in chosen or ["--function=" + name for name in names]:
        rest = [word for word in inputs if not word.startswith("--function=")]
        done = common.run(runner + ["--module=" + module, flag] + rest, timeout)
        if not done.ok:
            return done
        output += done.out
    done.out = output
    return done


# ---- What must pass ----------------------------------------------------------------------------

def list_path(release):
    return HERE / ("iree_pass_list-%s.txt" % release)


def read_list(release):
    """{case name: [functions]}"""
    try:
        text = list_path(release).read_text()
    except FileNotFoundError:
        return {}
    listed = {}
    for line in text.splitlines():
        if line and not line.startswith("#"):
            name, _, functions = line.partition(": ")
            listed[name] = functions.split()
    return listed


def write_list(release, cases, before):
    """The functions that pass now; cases that were not run stay as they were."""
    listed = dict(before)
    for case in cases:
        if case.passed:
            listed[case.name] = case.passed
        else:
            listed.pop(case.name, None)
    head = ["# Functions of IREE's own tests that pass with modules of compiler %s: folder, suite,"
            % release, "# file. Written by iree_tests.py --update-list."]
    list_path(release).write_text("\n".join(head + [
        "%s: %s" % (name, " ".join(functions)) for name, functions in sorted(listed.items())])
        + "\n")


def rows_of(cases):
    """A row for each folder and backend."""
    rows = {}
    for case in cases:
        row = rows.setdefault((case.folder, case.backend), {
            "group": case.folder, "backend": case.backend, "total": 0, "compiled": 0,
            "iree_passed": 0, "eerie_passed": 0, "bit_equal": None})
        row["total"] += case.total
        if case.module:
            row["compiled"] += len(case.iree)
        row["iree_passed"] += sum(verdict == "pass" for verdict in case.iree.values())
        row["eerie_passed"] += len(case.passed)
        if case.bit_equal is not None:
            row["bit_equal"] = (row["bit_equal"] or 0) + case.bit_equal
    return [rows[key] for key in sorted(rows)]


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("filters", nargs="*", metavar="FILTER")
    parser.add_argument("--source", default="", help="an IREE source tree")
    parser.add_argument("--eerie", default=str(common.ROOT / "build/release/eerie"))
    parser.add_argument("--tools", default=str(common.ROOT / ".venv/bin"),
                        help="where iree-compile and iree-run-module are")
    parser.add_argument("--out", default=str(common.DEFAULT_OUT), help="results, and what is kept")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--timeout", type=int, default=180, help="seconds, for each process")
    parser.add_argument("--share", type=int, default=1, help="only every N-th file")
    parser.add_argument("--update-list", action="store_true")
    parser.add_argument("--only-expectations", action="store_true",
                        help="whether both sides judge alike; needs no source tree")
    parser.add_argument("--verbose", action="store_true", help="what does not pass, and why")
    arguments = parser.parse_args()
    if not arguments.only_expectations and not (pathlib.Path(arguments.source) /
                                                "tests/e2e").is_dir():
        sys.exit("no tests/e2e in \"%s\", expected a tree of IREE's sources, such as `git clone "
                 "https://github.com/iree-org/iree` makes: --source=TREE, or make test-iree "
                 "IREE_SOURCE=TREE" % arguments.source)
    common.be_modest()
    kept = common.Kept(pathlib.Path(arguments.out) / "kept")
    tools = common.Tools(arguments.tools, kept)
    corpus = Corpus(arguments, tools, kept)
    corpus.checks["check"] = corpus.check_module()
    corpus.self_test()
    if arguments.only_expectations:
        print("both sides judge alike")
        return

    suites, rules = iree_suites.read_tree(corpus.root, FOLDERS)
    corpus.generate(rules)
    cases = collect(corpus.root, corpus.generated, suites)
    cases = [case for case in cases
             if not arguments.filters or
             any(text in case.name + " " + case.backend for text in arguments.filters)]
    cases = cases[::arguments.share]
    common.in_parallel(arguments.jobs, corpus.run, cases, "tests")

    listed = read_list(tools.release)
    if arguments.update_list:
        write_list(tools.release, cases, listed)
        listed = read_list(tools.release)
    lost = [(case.name, name, case.eerie.get(name, case.error or "not there"))
            for case in cases for name in listed.get(case.name, []) if name not in case.passed]
    behind = [(case.name, name, case.eerie.get(name, "not there"))
              for case in cases for name in case.behind]
    crashed = [(case.name, name, verdict) for case in cases
               for name, verdict in case.eerie.items() if verdict.startswith(("crash", "timeout"))]
    if arguments.verbose:
        for case in cases:
            if case.error:
                print("%s: %s" % (case.name, case.error))
            for name, verdict in case.iree.items():
                if verdict != "pass":
                    print("%s %s: iree-run-module: %s" % (case.name, name, verdict))
    rows = rows_of(cases)
    common.print_rows(rows)
    print("%d functions: iree-run-module %s passes %d, Eerie %d" % (
        sum(row["compiled"] for row in rows), tools.release,
        sum(row["iree_passed"] for row in rows), sum(row["eerie_passed"] for row in rows)))
    for title, found in (("on the list and not passing", lost),
                         ("passing with iree-run-module alone", behind),
                         ("crashed or took too long", crashed)):
        if found:
            print("%s:" % title)
            for case, name, verdict in found:
                print("  %s %s: %s" % (case, name, verdict))
    if not arguments.filters:
        for row in rows:
            row["note"] = "every %dth file" % arguments.share if arguments.share > 1 else ""
        common.write_results(arguments.out, "iree", tools.release, rows)
    sys.exit(1 if lost or behind or crashed else 0)


if __name__ == "__main__":
    main()
