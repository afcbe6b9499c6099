"""What the suites of this folder share: tools with time limits, work that is not done twice, lists.

Everything that takes time is kept in a folder by the hash of what it was made from, so that a second
run only does what has changed.
"""

import concurrent.futures
import hashlib
import json
import os
import pathlib
import resource
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
DEFAULT_OUT = ROOT / "build" / "conformance"


def skip(why):
    """Ends the program the way ctest takes for "skipped"."""
    print("skipped: " + why)
    sys.exit(77)


class Outcome:
    """What a process came to. `code` is negative for a signal, None for one that took too long."""

    def __init__(self, code, out, err):
        self.code, self.out, self.err = code, out, err

    @property
    def ok(self):
        return self.code == 0

    @property
    def crashed(self):
        return self.code is not None and self.code < 0

    def why(self):
        """The end of it in a line."""
        if self.code is None:
            return "took too long"
        if self.crashed:
            return "signal %d" % -self.code
        lines = [line for line in self.err.strip().splitlines() if line.strip()]
        return lines[0].strip()[:300] if lines else "exit code %d" % self.code


def be_modest():
    """Lets others go first and leaves no core files, and what is started from here neither."""
    os.nice(10)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def run(command, timeout, stdin=None, cwd=None, env=None):
    """Runs a command to its end, or to the end of its time, with output as text."""
    try:
        done = subprocess.run([str(part) for part in command], input=stdin, cwd=cwd, env=env,
                              stdin=subprocess.DEVNULL if stdin is None else None,
                              capture_output=True, timeout=timeout)
    except subprocess.TimeoutExpired:
        return Outcome(None, "", "")
    return Outcome(done.returncode, done.stdout.decode("utf-8", "replace"),
                   done.stderr.decode("utf-8", "replace"))


def digest(*parts):
    """A name for what was made from `parts`: strings, bytes, or paths of files."""
    total = hashlib.sha256()
    for part in parts:
        if isinstance(part, pathlib.Path):
            part = part.read_bytes()
        elif not isinstance(part, bytes):
            part = str(part).encode()
        total.update(len(part).to_bytes(8, "little"))
        total.update(part)
    return total.hexdigest()[:32]


class Kept:
    """A folder of results by the hash of what they were made from."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)

    def path(self, name):
        return self.folder / name[:2] / name[2:]

    def write(self, name, data):
        path = self.path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        half = path.with_suffix(path.suffix + ".%d.part" % os.getpid())
        half.write_bytes(data)
        half.replace(path)
        return path

    def json(self, name, make):
        """What make() returns, from the folder when it is there."""
        path = self.path(name + ".json")
        try:
            return json.loads(path.read_text())
        except (OSError, ValueError):
            value = make()
            self.write(name + ".json", json.dumps(value).encode())
            return value


class Tools:
    """The programs of one IREE release, in the bin folder of a Python environment."""

    def __init__(self, folder, kept):
        self.bin = pathlib.Path(folder)
        # What stands in bin starts a Python that starts the program.
        self.programs = {path.name: path
                         for where in ("iree/compiler/_mlir_libs", "iree/_runtime_libs")
                         for path in self.bin.parent.glob("lib/python*/site-packages/%s/iree-*" %
                                                          where)}
        self.kept = kept
        for name in ("iree-compile", "iree-run-module", "iree-dump-module"):
            if not (self.bin / name).exists():
                skip("no %s in %s; run: tools/setup.sh build test" % (name, self.bin))
        text = run([self.program("iree-compile"), "--version"], 60).out
        words = text.split()
        self.release = next((words[i + 1] for i, word in enumerate(words[:-1])
                             if word == "version"), "unknown").split("rc")[0]
        self.has_assembler = (self.bin / "iree-as-module").exists()

    def program(self, name):
        return self.programs.get(name, self.bin / name)

    def compile(self, source, flags, timeout=180, program="iree-compile", suffix=".mlir"):
        """The module made from `source` (text) as (path, ""), or (None, why there is none)."""
        name = digest("module", self.release, program, *flags, source)
        path = self.kept.path(name + ".vmfb")
        failed = self.kept.path(name + ".failed")
        if path.exists():
            return path, ""
        if failed.exists():
            return None, failed.read_text()
        path.parent.mkdir(parents=True, exist_ok=True)
        text = self.kept.write(name + suffix, source.encode())
        half = path.with_suffix(".part")
        command = [self.program(program), text, *flags]
        command += ["--output=%s" % half] if program == "iree-as-module" else ["-o", half]
        done = run(command, timeout)
        text.unlink()
        if done.ok and half.exists():
            half.replace(path)
            return path, ""
        half.unlink(missing_ok=True)
        why = done.why().replace(str(text), "source")
        # A machine that was busy is no property of the source.
        if done.code is not None:
            self.kept.write(name + ".failed", why.encode())
        return None, why


def in_parallel(jobs, work, items, progress=None):
    """[work(item)] in the order of the items, `jobs` at once."""
    results = []
    with concurrent.futures.ThreadPoolExecutor(max_workers=jobs) as pool:
        for number, result in enumerate(pool.map(work, items), 1):
            results.append(result)
            if progress and sys.stderr.isatty():
                print("\r%s %d of %d " % (progress, number, len(items)), end="", file=sys.stderr)
    if progress and sys.stderr.isatty():
        print("\r" + " " * 60 + "\r", end="", file=sys.stderr)
    return results


def write_results(out, suite, release, rows):
    """For report.py, which puts them into docs/conformance.md. A row: group, backend, total,
    compiled, iree_passed, eerie_passed, bit_equal (None: not measured), note."""
    folder = pathlib.Path(out)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / ("%s-%s.json" % (suite, release))
    path.write_text(json.dumps({"suite": suite, "release": release, "rows": rows}, indent=1) + "\n")
    return path


def print_rows(rows):
    heads = ("group", "backend", "total", "compiled", "iree_passed", "eerie_passed", "bit_equal")
    table = [heads] + [tuple("-" if row[head] is None else str(row[head]) for head in heads)
                       for row in rows]
    widths = [max(len(line[i]) for line in table) for i in range(len(heads))]
    for line in table:
        print("  ".join(cell.ljust(width) if i < 2 else cell.rjust(width)
                        for i, (cell, width) in enumerate(zip(line, widths))))
