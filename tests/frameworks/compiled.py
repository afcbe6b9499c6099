"""What the cells of all frameworks share: modules made by IREE's own tools, and comparing."""
import pathlib
import shutil
import subprocess
import sys
import tempfile

import numpy as np

import eerie

FLAGS = ["--iree-hal-target-device=local", "--iree-hal-local-target-device-backends=llvm-cpu",
         "--iree-llvmcpu-target-cpu=host"]


def compile_mlir(text: bytes, input_type: str) -> eerie.Model:
    """A module of MLIR by iree-compile alone. RuntimeError with its words."""
    beside = pathlib.Path(sys.executable).parent / "iree-compile"
    tool = beside if beside.exists() else shutil.which("iree-compile")
    with tempfile.TemporaryDirectory() as folder:
        source, module = pathlib.Path(folder) / "model.mlir", pathlib.Path(folder) / "model.vmfb"
        source.write_bytes(text)
        done = subprocess.run([tool, source, *FLAGS, f"--iree-input-type={input_type}", "-o", module],
                              capture_output=True, text=True, check=False, timeout=600)
        if done.returncode != 0:
            raise RuntimeError(done.stderr)
        return eerie.load(module.read_bytes())


def difference(got, expected) -> float:
    """The largest difference relative to 1 + |expected|; what is no number is infinitely wrong."""
    got = got if isinstance(got, tuple) else (got,)
    if len(got) != len(expected):
        raise RuntimeError(f"{len(got)} results, expected {len(expected)}")
    worst = 0.0
    for one, other in zip(got, expected):
        other = np.asarray(other)
        if one.shape != other.shape:
            raise RuntimeError(f"a result of shape {one.shape}, expected {other.shape}")
        found = np.abs(one.astype(np.float64) - other) / (1 + np.abs(other))
        worst = max(worst, float(found.max()) if np.isfinite(found).all() else np.inf)
    return worst
