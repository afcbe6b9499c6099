"""What is checked on Windows beside what all systems are: the port, where kernels come from (a DLL, the
program, a plugin's functions), a program of the shared library eerie.dll, the compiler, and Vulkan."""

import contextlib
import os
import pathlib
import shutil
import subprocess

import numpy as np

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]


def _run(command, **options):
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True,
                          timeout=300, check=False, **options)
    if done.returncode:
        raise RuntimeError("%s: exit code %d\n%s" % (" ".join(map(str, command)), done.returncode,
                                                     (done.stdout + done.stderr)[-2000:]))
    return done.stdout


@contextlib.contextmanager
def _display(environment):
    """An X server, without which Wine has no Vulkan devices; where there is none, none."""
    server = None
    if shutil.which("Xvfb"):
        server = subprocess.Popen(["Xvfb", "-displayfd", "1", "-nolisten", "tcp"], text=True,
                                  stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        environment["DISPLAY"] = ":" + server.stdout.readline().strip()
    try:
        yield
    finally:
        if server:
            server.terminate()
            server.wait(timeout=60)


@contextlib.contextmanager
def session(environment):
    """Keeps Wine's server and services running, without which each program waits for them."""
    quiet = {"env": environment, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL,
             "timeout": 300, "check": False}
    with _display(environment):
        subprocess.run(["wineserver", "-p"], **quiet)
        # Services keep the pipes open that their first program was given: it gets none.
        subprocess.run(["wine", "wineboot"], **quiet)
        try:
            yield
        finally:
            subprocess.run(["wineserver", "-k"], **quiet)


def check_port(context):
    """The port, function by function."""
    folder = context.work / "port"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    _run(["x86_64-w64-mingw32-gcc", "-std=c11", "-O1", "-static", "-D__USE_MINGW_ANSI_STDIO=1",
          f"-I{ROOT / 'include'}", f"-I{ROOT / 'runtime'}", f"-I{ROOT / 'tests'}",
          HERE / "windows_port_test.c", context.folder / "libeerie.a", "-o", folder / "port.exe",
          "-lsynchronization"])
    return _run([*context.system.emulator, folder / "port.exe"], cwd=folder,
                env=context.environment).strip().splitlines()[-1]


TRIPLE = "--iree-llvmcpu-target-triple=x86_64-w64-windows-gnu"
NO_ELF = "--iree-llvmcpu-link-embedded=false"
DLL = [TRIPLE, NO_ELF, f"--iree-llvmcpu-system-linker-path={HERE / 'mingw_link.sh'}"]


def _compile(context, source, module, *flags):
    environment = dict(os.environ, VCToolsInstallDir="none", UniversalCRTSdkDir="none")
    _run([context.options.eerie, "compile", ROOT / source, "-o", module, "--target",
          context.system.target, *flags], env=environment)


def check_dll(context):
    """Kernels in a DLL that MinGW links, which follow the convention of Windows."""
    module = context.work / "dll.vmfb"
    _compile(context, "tests/platforms/products.mlir", module, *DLL)
    if b"system-dll-x86_64" not in module.read_bytes():
        raise RuntimeError("the module has no kernels of format system-dll-x86_64")
    random = np.random.default_rng(2)
    x, y = (random.standard_normal(shape).astype(np.float32) for shape in ((16, 32), (32, 24)))
    for device in ("local-sync", "local-task"):
        got = context.call(module, "matmul", [x, y], f"--device={device}")
        if not np.allclose(got, x @ y, rtol=1e-5, atol=1e-5):
            raise RuntimeError(f"matmul of the DLL on {device} differs from NumPy")
    return "kernels of a DLL give NumPy's product on both devices"


def _kernels_input(index, count):
    """What tests/kernels/kernels_run.c makes of an input's number."""
    i = np.arange(count)
    return (((i * 7 + index * 3) % 23) * 0.25 - 2.0).astype(np.float32)


def _kernels_run(context, program, module, functions, *flags):
    """Arrays by function that the program prints as bits."""
    text = _run([*context.system.emulator, program, *flags, module, 70, *functions],
                env=context.environment)
    found = {}
    for line in text.splitlines():
        name, *bits = line.split()
        if name in functions:
            found[name] = np.array([int(word, 16) for word in bits], np.uint32).view(np.float32)
    if sorted(found) != sorted(functions):
        raise RuntimeError(f"{program}: {text[-500:]}")
    return found


def _expect(name, got, expected):
    if not np.allclose(got, expected, rtol=1e-5, atol=1e-6):
        raise RuntimeError(f"{name} differs from NumPy by {np.abs(got - expected).max()}")


def check_static(context):
    """Kernels as an object for Windows, linked into a program by MinGW."""
    module, kernels = context.work / "static.vmfb", context.work / "static.o"
    _compile(context, "tests/kernels/static.mlir", module, TRIPLE, NO_ELF,
             "--iree-llvmcpu-link-static", f"--iree-llvmcpu-static-library-output-path={kernels}")
    program = context.work / "static.exe"
    _run(["x86_64-w64-mingw32-gcc", "-std=c11", "-O1", "-static", "-D__USE_MINGW_ANSI_STDIO=1",
          "-DLIBRARY_QUERY=static_linked_library_query", f"-I{ROOT / 'include'}",
          ROOT / "tests/kernels/kernels_run.c", kernels, context.folder / "libeerie.a",
          "-o", program, "-lsynchronization"])
    x, y = _kernels_input(0, 70), _kernels_input(1, 70)
    got = _kernels_run(context, program, module, ["mul", "functions"])
    _expect("mul", got["mul"], x * y)
    _expect("functions", got["functions"], np.arctan2(np.exp(np.tanh(x)), y))
    return "kernels in the program give NumPy's numbers"


def check_plugin(context):
    """Kernels as ELF and as a DLL call functions of a plugin, which is a DLL."""
    plugin = context.work / "plugin.dll"
    _run(["x86_64-w64-mingw32-gcc", "-std=c11", "-O1", "-shared", ROOT / "tests/kernels/plugin.c",
          "-o", plugin])
    x, y = _kernels_input(0, 70), _kernels_input(1, 70)
    for kind, flags in (("elf", []), ("dll", DLL)):
        module = context.work / f"imports_{kind}.vmfb"
        _compile(context, "tests/kernels/imports.mlir", module, *flags)
        for given in (["--table"], [f"--plugin={plugin}"]):
            got = _kernels_run(context, context.folder / "kernels_run.exe", module,
                               ["scaled", "total"], *given)
            _expect(f"scaled of {kind}", got["scaled"], x * y * np.float32(1.5) + y)
            _expect(f"total of {kind}", got["total"], x.sum(keepdims=True))
    return "kernels as ELF and as a DLL call functions of a table and of a plugin"


def check_compile(context):
    """The compiler's DLL, opened by the command for Windows."""
    prefix = ROOT / ".venv-windows"
    if not prefix.exists():
        return "skipped: no compiler for Windows; run: tools/setup.sh platforms"
    module, bad = context.work / "compiled.vmfb", context.work / "bad.mlir"
    compiler = [*context.command, "compile", f"--compiler={prefix}"]
    random = np.random.default_rng(4)
    x, y = (random.standard_normal(shape).astype(np.float32) for shape in ((16, 32), (32, 24)))
    for target in ("host", "x86-64"):
        _run([*compiler, ROOT / "tests/platforms/products.mlir", f"--target={target}", "-o", module],
             env=context.environment)
        got = context.call(module, "matmul", [x, y])
        if not np.allclose(got, x @ y, rtol=1e-5, atol=1e-5):
            raise RuntimeError(f"what Windows compiles for {target} differs from NumPy")
    module.unlink()
    bad.write_text("func.func @f() {\n  return %nothing : f32\n}\n")
    for command, code, words in (
            ([*compiler, bad, "-o", module], 1, "bad.mlir:2:10: error: use of undeclared"),
            ([*compiler, bad, "-o", module, "--time-limit=9"], 1, "a process of their own"),
            ([*context.command, "compile", bad, "-o", module], 4, "no IREE compiler found")):
        done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False,
                              env=context.environment, cwd=context.work)
        if done.returncode != code or words not in done.stderr or module.exists():
            raise RuntimeError(f"eerie compile: exit code {done.returncode}: {done.stderr}")
    return "modules that Windows compiles give NumPy's product; errors have their place"


def check_vulkan(context):
    """Wine's vulkan-1.dll: devices and their numbers; an error where it is missing."""
    module = context.work / "vulkan.vmfb"
    context.compile(ROOT / "tests/platforms/products.mlir", ["vulkan"], module)
    without = dict(context.environment, WINEDLLOVERRIDES="vulkan-1=")
    done = subprocess.run([*context.command, "run", f"--module={module}", "--device=vulkan",
                           "--function=matmul_i8", "--input=8x16xi8=2", "--input=16x8xi8=3"],
                          capture_output=True, text=True, timeout=300, check=False, env=without)
    if "no device 'vulkan' in this build" in done.stderr:
        return "skipped: built without Vulkan's headers (libvulkan-dev)"
    if done.returncode != 1 or "no Vulkan loader is installed" not in done.stderr:
        raise RuntimeError(f"without vulkan-1.dll: exit code {done.returncode}: {done.stderr}")
    if "DISPLAY" not in context.environment:
        return "without vulkan-1.dll an error; with it skipped: Xvfb is missing"
    listed = _run([*context.command, "devices"], env=context.environment)
    devices = [line.split("vulkan ", 1)[1].strip() for line in listed.splitlines()
               if line.startswith("vulkan:")]
    if not devices:
        return "without vulkan-1.dll an error; with it skipped: no device"
    random = np.random.default_rng(3)
    x, y = (random.standard_normal(shape).astype(np.float32) for shape in ((16, 32), (32, 24)))
    a, b = (random.integers(-100, 100, shape, dtype=np.int8) for shape in ((8, 16), (16, 8)))
    got = context.call(module, "matmul", [x, y], "--device=vulkan")
    if not np.allclose(got, x @ y, rtol=1e-5, atol=1e-5):
        raise RuntimeError(f"matmul on Vulkan differs from NumPy by {np.abs(got - x @ y).max()}")
    got = context.call(module, "matmul_i8", [a, b], "--device=vulkan")
    if not np.array_equal(got, a.astype(np.int32) @ b.astype(np.int32)):
        raise RuntimeError("matmul_i8 on Vulkan is not NumPy's")
    return f"products are NumPy's on {devices[0]}; without vulkan-1.dll an error"


def check_library(context):
    """A program of the import library finds eerie.dll beside it and classifies digits."""
    folder = context.work / "program"
    folder.mkdir(exist_ok=True)
    _run(["x86_64-w64-mingw32-gcc", "-std=c11", "-O1", "-static", "-D__USE_MINGW_ANSI_STDIO=1",
          f"-I{ROOT / 'include'}", ROOT / "examples/classify.c",
          context.folder / "libeerie.dll.a", "-o", folder / "classify.exe"])
    shutil.copy(context.folder / "eerie.dll", folder)
    digits = context.options.digits
    images = np.load(digits / "images.npy")[:40]
    images.astype(np.float32).tofile(folder / "images.f32")
    text = _run([*context.system.emulator, folder / "classify.exe", context.work / "digits.vmfb",
                 folder / "images.f32"], env=context.environment)
    answers = [int(line.split()[0]) for line in text.splitlines() if line.strip()]
    expected = np.load(digits / "logits.npy")[:40].argmax(1).tolist()
    if answers != expected:
        raise RuntimeError(f"classify.exe says {answers}, expected {expected}")
    return "a program of eerie.dll classifies 40 digits"


CHECKS = [check_port, check_dll, check_static, check_plugin, check_library, check_compile,
          check_vulkan]
