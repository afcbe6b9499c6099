"""What the scripts of the examples share: where things are, running commands, building C programs.

Every example has a run.py, which does all of it from the framework to the verdict:

    python examples/NAME/run.py [--build build/release] [--out build/examples/NAME] [--small]
        [--tensorflow]

`--small` is what the tests run: the same code with less of everything.
"""
from __future__ import annotations

import argparse
import os
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
SECONDS = 1200  # of one command


def options(name: str, description: str) -> argparse.Namespace:
    """The arguments of an example; `out` is made."""
    arguments = argparse.ArgumentParser(description=description)
    arguments.add_argument("--build", type=pathlib.Path, default=ROOT / "build/release",
                           help="where Eerie is built")
    arguments.add_argument("--out", type=pathlib.Path, default=ROOT / "build/examples" / name,
                           help="where the example's files go")
    arguments.add_argument("--small", action="store_true", help="less of everything, for tests")
    arguments.add_argument("--tensorflow", action="store_true",
                           help="with TensorFlow too, where the example has a part for it; it is "
                           "installed where it is not: 1.5 GB in build/frameworks")
    given = arguments.parse_args()
    given.build, given.out = given.build.resolve(), given.out.resolve()
    given.out.mkdir(parents=True, exist_ok=True)
    return given


def environment(build: pathlib.Path, **more: str) -> dict[str, str]:
    """For Eerie's command and Python package out of a build tree, with this Python's compiler."""
    return {**os.environ, "EERIE_PYTHON": sys.executable, "EERIE_COMPILER_LIB": sys.prefix,
            "PYTHONPATH": str(build / "python"), **more}


def run(command, build: pathlib.Path, **settings) -> str:
    """A command's standard output; where it fails, so does the example."""
    words = [str(word) for word in command]
    settings.setdefault("env", environment(build))
    done = subprocess.run(words, text=True, capture_output=True, timeout=SECONDS, check=False,
                          **settings)
    if done.returncode:
        sys.exit(f"{' '.join(words)}: exit code {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def eerie(build: pathlib.Path, *words, python: pathlib.Path | None = None) -> str:
    """The output of Eerie's command; `python` has the framework, unless it is this one."""
    env = environment(build)
    if python:
        env |= {"EERIE_PYTHON": str(python), "EERIE_COMPILER_LIB": str(python.parent.parent)}
    return run([build / "eerie", *words], build, env=env)


def use_package(build: pathlib.Path) -> None:
    """Makes `import eerie` take the package out of a build tree, with the command beside it."""
    sys.path.insert(0, str(build / "python"))
    os.environ["PATH"] = os.pathsep.join([str(build), os.environ.get("PATH", "")])


# ---- Frameworks in environments of their own -----------------------------------------------------

def with_tensorflow(options: argparse.Namespace) -> bool:
    """Asked for, or there already and nothing small is wanted."""
    ready = ROOT / "build/frameworks/tensorflow/ready"
    return options.tensorflow or (not options.small and ready.exists())


def framework(build: pathlib.Path, name: str) -> pathlib.Path:
    """The Python that has a framework, installed now where it was not."""
    run([ROOT / "tests/python/frameworks.sh", build, "--install", name], build)
    return ROOT / "build/frameworks" / name / "bin/python"


# ---- Programs in C -------------------------------------------------------------------------------


def build_program(source: pathlib.Path, build: pathlib.Path, out: pathlib.Path, *settings: str,
                  ) -> pathlib.Path:
    """Builds the CMake project in `source` against an installation of `build`; its folder.

    The project finds Eerie as any project does: installed, by find_package.
    """
    prefix, folder = out / "eerie", out / "cmake"
    run(["cmake", "--install", build, "--prefix", prefix], build)
    run(["cmake", "-G", "Ninja", "-S", source, "-B", folder, f"-DCMAKE_PREFIX_PATH={prefix}",
         "-DCMAKE_BUILD_TYPE=Release", f"-DEERIE_COMPILER_LIB={sys.prefix}", *settings], build)
    run(["cmake", "--build", folder], build)
    return folder


def verdict(name: str, wrong: list[str]) -> None:
    """The last line of an example, and its exit code."""
    if wrong:
        sys.exit("\n".join(f"{name}: {line}" for line in wrong))
    print(f"{name}: all as it should be")
