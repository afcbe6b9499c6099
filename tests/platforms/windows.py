"""What only Windows has: kernels as DLLs, and a program of the shared library eerie.dll."""

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


def check_dll(context):
    """Kernels in a DLL that MinGW links, which follow the convention of Windows."""
    module = context.work / "dll.vmfb"
    environment = dict(os.environ, VCToolsInstallDir="none", UniversalCRTSdkDir="none")
    _run([context.options.eerie, "compile", ROOT / "tests/platforms/products.mlir", "-o", module,
          "--target", context.system.target,
          "--iree-llvmcpu-target-triple=x86_64-w64-windows-gnu", "--iree-llvmcpu-link-embedded=false",
          f"--iree-llvmcpu-system-linker-path={HERE / 'mingw_link.sh'}"], env=environment)
    if b"system-dll-x86_64" not in module.read_bytes():
        raise RuntimeError("the module has no kernels of format system-dll-x86_64")
    random = np.random.default_rng(2)
    x, y = (random.standard_normal(shape).astype(np.float32) for shape in ((16, 32), (32, 24)))
    for device in ("local-sync", "local-task"):
        got = context.call(module, "matmul", [x, y], f"--device={device}")
        if not np.allclose(got, x @ y, rtol=1e-5, atol=1e-5):
            raise RuntimeError(f"matmul of the DLL on {device} differs from NumPy")
    return "kernels of a DLL give NumPy's product on both devices"


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
