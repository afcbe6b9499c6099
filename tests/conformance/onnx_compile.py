"""Imports and compiles ONNX models with the compiler that is installed beside this Python.

    onnx_compile.py < JOBS > RESULTS

A job is a line of JSON: {"models": [FILE.onnx, ...], "out": STEM, "flags": [...], "timeout": SECONDS,
"opset": N}. `opset` is the version that a model is converted to when it is not taken as it is; 0: no
second try. The result, a line too, is a list with an entry for each model:

    {"stage": "import" | "compile" | "done", "error": TEXT, "opset": N or 0, "module": FILE.vmfb,
     "function": NAME}

Most models are one kernel, and most of the time that its compilation takes is not the kernel's. So
the models of a job become functions of one module, STEM.0.vmfb; when that fails, halves of it, down
to the model that is to blame. The compiler is loaded once, and what it does it does in a forked
child: a crash or a hang is a failure of one step.
"""

import json
import os
import pathlib
import re
import signal
import sys
import tempfile
import time

from iree.compiler.api import Output, Session, Source, _initializeGlobalCL, ctypes_dl
from iree.compiler.tools.import_onnx import __main__ as importer
import onnx.version_converter  # noqa: F401  loaded before the first fork

NAME = r'(?:[A-Za-z_][\w.$-]*|"[^"]*")'


def first_error(text):
    """The line that tells most of a compiler's diagnostics."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    for line in lines:
        if "error:" in line:
            return line[line.index("error:") + len("error:"):].strip()[:300]
    return (lines[-1] if lines else "")[:300]


# ---- Steps, each in a child ------------------------------------------------------------------------

def import_model(model, opset, mlir):
    arguments = [model, "-o", mlir] + (["--opset-version", str(opset)] if opset else [])
    importer.main(importer.parse_arguments(arguments))


def compile_module(mlir, out, flags):
    """Compiles to `out`; only through the phase "input", which says whether every operation of the
    model is known, when that is None."""
    session = Session()
    session.set_flags(*flags)
    source = Source.open_file(session, mlir)
    invocation = session.invocation()
    invocation.enable_console_diagnostics()
    if out is None:
        ctypes_dl._dylib.ireeCompilerInvocationSetCompileToPhase(
            ctypes_dl.c_void_p(invocation._inv_p), b"input")
    if not invocation.parse_source(source) or not invocation.execute():
        raise RuntimeError("the compiler failed")
    if out is None:
        return
    part = "%s.%d" % (out, os.getpid())
    output = Output.open_file(part)
    invocation.output_vm_bytecode(output)
    output.keep()
    output.close()
    os.rename(part, out)


def in_child(folder, timeout, work):
    """"" when work() came to its end in a child, or what kept it from that."""
    log = os.path.join(folder, "log")
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            os.setpgid(0, 0)
            handle = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
            os.dup2(handle, 1)
            os.dup2(handle, 2)
            work()
            status = 0
        except BaseException as error:
            os.write(2, ("\n%s: %s\n" % (type(error).__name__, error)).encode())
        finally:
            os._exit(status)
    status = wait(pid, timeout)
    if status == 0:
        return ""
    if status is None:
        return "more than %d seconds" % timeout
    why = first_error(pathlib.Path(log).read_text(errors="replace") if os.path.exists(log) else "")
    if os.WIFSIGNALED(status):
        return "signal %d: %s" % (os.WTERMSIG(status), why)
    return why or "exit code %d" % os.WEXITSTATUS(status)


def wait(pid, seconds):
    """The status of the child, or None when it had to be killed."""
    deadline = time.monotonic() + seconds
    pause = 0.002
    while True:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            return status
        if time.monotonic() > deadline:
            os.killpg(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            return None
        time.sleep(pause)
        pause = min(pause * 1.5, 0.05)


# ---- Several models as one module ------------------------------------------------------------------

class Part:
    """The text of an imported model, in pieces that can stand in one module with others'. Function
    and resources get names of their own."""

    def __init__(self, text, number):
        self.whole, self.function = text, None
        names = re.findall(r"func\.func @(%s)\(" % NAME, text)
        body, _, tail = text.partition("{-#")
        entries = re.findall(r'^ +(%s): ("0x[0-9A-Fa-f]*"),?$' % NAME, tail, re.M)
        opening, closing = body.find("{"), body.rfind("}")
        self.name = names[0].strip('"') if names else ""
        # Anything else than one function in a bare module stands for itself.
        if (len(names) != 1 or not body.startswith("module {")
                or len(entries) != tail.count('"0x') or body.count("dense_resource<") == 0 < len(tail)):
            return
        self.function = "model%d" % number
        rename = {name: '"m%d_%d"' % (number, i) for i, (name, _) in enumerate(entries)}
        body = body[opening + 1:closing].replace("func.func @" + names[0], "func.func @" + self.function)
        self.body = re.sub(r"dense_resource<(%s)>" % NAME,
                           lambda m: "dense_resource<%s>" % rename.get(m.group(1), m.group(1)), body)
        self.resources = ["      %s: %s" % (rename[name], value) for name, value in entries]


def merge(parts):
    text = "module {\n" + "\n".join(part.body for part in parts) + "\n}\n"
    resources = [line for part in parts for line in part.resources]
    if resources:
        text += "\n{-#\n  dialect_resources: {\n    builtin: {\n" + ",\n".join(resources)
        text += "\n    }\n  }\n#-}\n"
    return text


# ---- Jobs ------------------------------------------------------------------------------------------

class Job:
    def __init__(self, job, folder):
        self.models, self.flags, self.out = job["models"], job["flags"], job["out"]
        self.timeout, self.opset, self.folder = job["timeout"], job["opset"], folder
        self.results = [None] * len(self.models)
        self.modules = 0

    def known(self, model, opset):
        """Imports a model and asks whether its operations are known; its text and a result."""
        mlir = os.path.join(self.folder, "model.mlir")
        error = in_child(self.folder, self.timeout, lambda: import_model(model, opset, mlir))
        if error:
            return None, {"stage": "import", "error": error, "opset": opset}
        error = in_child(self.folder, self.timeout, lambda: compile_module(mlir, None, self.flags))
        stage = "compile" if error else "done"
        return pathlib.Path(mlir).read_text(), {"stage": stage, "error": error, "opset": opset}

    def prepare(self, model):
        text, result = self.known(model, 0)
        if result["error"] and self.opset:
            versions = {entry.domain: entry.version for entry in onnx.load(model).opset_import}
            if 0 < versions.get("", 0) < self.opset:
                second_text, second = self.known(model, self.opset)
                if not second["error"]:
                    return second_text, second
        return text, result

    def compile(self, numbers, parts):
        """Compiles these parts, together if it can be."""
        if not numbers:
            return
        alone = len(numbers) == 1
        mlir = pathlib.Path(self.folder, "module.mlir")
        mlir.write_text(parts[numbers[0]].whole if alone else merge([parts[n] for n in numbers]))
        out = "%s.%d.vmfb" % (self.out, self.modules)
        error = in_child(self.folder, self.timeout * (1 if alone else 3),
                         lambda: compile_module(str(mlir), out, self.flags))
        if not error:
            self.modules += 1
            for n in numbers:
                self.results[n]["module"] = os.path.basename(out)
                self.results[n]["function"] = parts[n].name if alone else parts[n].function
        elif alone:
            self.results[numbers[0]].update(stage="compile", error=error)
        else:
            middle = len(numbers) // 2
            self.compile(numbers[:middle], parts)
            self.compile(numbers[middle:], parts)

    def do(self):
        parts = {}
        for number, model in enumerate(self.models):
            text, self.results[number] = self.prepare(model)
            if self.results[number]["stage"] == "done":
                parts[number] = Part(text, number)
        self.compile([n for n in parts if parts[n].function], parts)
        for n in parts:
            if not parts[n].function:
                self.compile([n], parts)
        return self.results


def main():
    # There is a process for each core; threads would cost more than they bring.
    _initializeGlobalCL("onnx_compile", "--mlir-disable-threading")
    with tempfile.TemporaryDirectory() as folder:
        for line in sys.stdin:
            print(json.dumps(Job(json.loads(line), folder).do()), flush=True)


if __name__ == "__main__":
    main()
