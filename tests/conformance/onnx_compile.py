"""Imports and compiles ONNX models with the compiler that is installed beside this Python.

    onnx_compile.py < JOBS > RESULTS

A job is a line of JSON: {"model": FILE.onnx, "out": FILE.vmfb, "flags": [...], "timeout": SECONDS,
"opset": N}. `opset` is the version to convert to when the model as it is cannot be imported or
compiled; 0: no second try. The result, a line too: {"stage": "import" | "compile" | "done",
"error": TEXT, "opset": N or 0, "seconds": T, "function": NAME}. The compiler is loaded once, and each
job is done in a forked child: a crash or a hang is the failure of one job.
"""

import json
import os
import pathlib
import signal
import sys
import tempfile
import time

from iree.compiler.api import Output, Session, Source, _initializeGlobalCL
from iree.compiler.tools.import_onnx import __main__ as importer
import onnx.version_converter  # noqa: F401  loaded before the first fork


def first_error(text):
    """The line that tells most of a compiler's diagnostics."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    for line in lines:
        if "error:" in line:
            return line[line.index("error:") + len("error:"):].strip()[:300]
    return (lines[-1] if lines else "")[:300]


def import_model(model, opset, mlir):
    arguments = [model, "-o", mlir] + (["--opset-version", str(opset)] if opset else [])
    importer.main(importer.parse_arguments(arguments))


def compile_module(mlir, out, flags):
    session = Session()
    session.set_flags(*flags)
    source = Source.open_file(session, mlir)
    invocation = session.invocation()
    invocation.enable_console_diagnostics()
    if not invocation.parse_source(source) or not invocation.execute():
        raise RuntimeError("the compiler failed")
    part = "%s.%d" % (out, os.getpid())
    output = Output.open_file(part)
    invocation.output_vm_bytecode(output)
    output.keep()
    output.close()
    os.rename(part, out)


def child(job, opset, mlir, log, stage):
    """What the forked child does; never returns. `stage` is the file that it notes its progress in."""
    os.setpgid(0, 0)
    handle = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(handle, 1)
    os.dup2(handle, 2)
    status = 1
    try:
        pathlib.Path(stage).write_text("import")
        import_model(job["model"], opset, mlir)
        pathlib.Path(stage).write_text("compile")
        compile_module(mlir, job["out"], job["flags"])
        pathlib.Path(stage).write_text("done")
        status = 0
    except BaseException as error:
        os.write(2, ("\n%s: %s\n" % (type(error).__name__, error)).encode())
    finally:
        os._exit(status)


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


def attempt(job, opset, folder):
    mlir, log, stage = (os.path.join(folder, name) for name in ("model.mlir", "log", "stage"))
    started = time.monotonic()
    pathlib.Path(stage).write_text("import")
    pid = os.fork()
    if pid == 0:
        child(job, opset, mlir, log, stage)
    status = wait(pid, job["timeout"])
    result = {"stage": pathlib.Path(stage).read_text(), "error": "", "opset": opset,
              "seconds": round(time.monotonic() - started, 3)}
    if status != 0:
        text = pathlib.Path(log).read_text(errors="replace") if os.path.exists(log) else ""
        result["error"] = first_error(text)
        if status is None:
            result["error"] = "more than %d seconds" % job["timeout"]
        elif os.WIFSIGNALED(status):
            result["error"] = "signal %d: %s" % (os.WTERMSIG(status), result["error"])
    if result["stage"] != "import":
        result["function"] = function_name(mlir)
    return result


def function_name(mlir):
    with open(mlir, errors="replace") as lines:
        for line in lines:
            if "func.func @" in line:
                name = line.split("func.func @", 1)[1]
                return name[1:].split('"')[0] if name[0] == '"' else name.split("(")[0]
    return ""


def do(job, folder):
    result = attempt(job, 0, folder)
    if result["stage"] != "done" and job["opset"] and not result["error"].startswith("more than"):
        versions = {entry.domain: entry.version for entry in onnx.load(job["model"]).opset_import}
        if 0 < versions.get("", 0) < job["opset"]:
            second = attempt(job, job["opset"], folder)
            if second["stage"] == "done":
                second["seconds"] = round(second["seconds"] + result["seconds"], 3)
                return second
    return result


def main():
    # Most models are one small kernel: threads would cost more than they bring, and there is a process
    # for each core.
    _initializeGlobalCL("onnx_compile", "--mlir-disable-threading")
    with tempfile.TemporaryDirectory() as folder:
        for line in sys.stdin:
            print(json.dumps(do(json.loads(line), folder)), flush=True)


if __name__ == "__main__":
    main()
