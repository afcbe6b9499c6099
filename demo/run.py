"""The demo: from a framework to C, on real images.

    python demo/run.py [--build build/release] [--out out]

Trains a network on scikit-learn's digits in JAX (train.py), compiles it with `eerie compile`, runs
the held-out images through the command line and through examples/classify.c, and holds both to
what JAX said. What was made before from the same sources is used again. Exits 1 when an answer or
a score is not JAX's.
"""

import argparse
import hashlib
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile

import numpy as np
from PIL import Image, ImageDraw

ROOT = pathlib.Path(__file__).resolve().parent.parent
TOLERANCE = 1e-4  # of a logit; they reach about 20
FLAGS = ["--iree-opt-level=O3", "--iree-opt-data-tiling", "--iree-llvmcpu-enable-ukernels=all",
         "--iree-global-opt-use-im2col-for-convs"]


def run(command, **options):
    done = subprocess.run([str(word) for word in command], text=True, capture_output=True, **options)
    if done.returncode:
        sys.exit(f"demo: {' '.join(map(str, command))} failed:\n{done.stdout}{done.stderr}")
    return done.stdout


def is_fresh(stamp, key, files):
    return stamp.is_file() and stamp.read_text() == key and all(f.is_file() for f in files)


def digest(*parts):
    sum = hashlib.sha256()
    for part in parts:
        sum.update(part.read_bytes() if isinstance(part, pathlib.Path) else str(part).encode())
    return sum.hexdigest()


def train(out):
    files = [out / name for name in ("digits.mlir", "images.npy", "labels.npy", "logits.npy")]
    key = digest(ROOT / "demo/train.py", ROOT / "requirements-demo.txt")
    stamp = out / ".trained"
    if is_fresh(stamp, key, files):
        print("training: done before, kept in", out)
    else:
        print("training in JAX, about ten seconds ...", flush=True)
        print(run([sys.executable, ROOT / "demo/train.py", out]), end="")
        stamp.write_text(key)


def compile_module(eerie, out):
    source, module, stamp = out / "digits.mlir", out / "digits.vmfb", out / ".compiled"
    key = digest(source, ROOT / "requirements.txt", *FLAGS)
    if is_fresh(stamp, key, [module]):
        print("compiling: done before")
    else:
        run([eerie, "compile", source, "--input-type", "stablehlo", "-o", module, *FLAGS])
        stamp.write_text(key)
    return module


def compare(name, logits, expected, labels):
    """Prints one line of results; returns whether they are those of JAX."""
    answers = logits.argmax(axis=1)
    same = int((answers == expected.argmax(axis=1)).sum())
    difference = float(np.abs(logits - expected).max())
    right = int((answers == labels).sum())
    print(f"  {name:22}{right} of {len(labels)} right ({right / len(labels):.4f}), the same as JAX on "
          f"{same} of {len(labels)}, largest difference of a logit {difference:.1e}")
    return same == len(labels) and difference <= TOLERANCE


def pick(answers, labels):
    """Four images that went right and one that went wrong, if there is one."""
    wrong = np.flatnonzero(answers != labels)
    right = [int(np.flatnonzero((answers == labels) & (labels == digit))[0]) for digit in range(10)]
    return right[1:9:2] + ([int(wrong[0])] if len(wrong) else right[9:])


def show(images, answers, labels, chosen):
    """Draws images side by side with blocks, darker ink for more of it."""
    ink = " ░▒▓█"
    for row in range(8):
        line = "   ".join("".join(2 * ink[min(4, int(v * 5))] for v in images[i, row, :, 0])
                          for i in chosen)
        print("  " + line.rstrip())
    captions = [f"{answers[i]}" if answers[i] == labels[i] else f"{answers[i]} (is {labels[i]})"
                for i in chosen]
    print("  " + "   ".join(f"{caption:^16}" for caption in captions).rstrip())


def draw(path, images, answers, labels, probabilities, chosen):
    """A sheet of images with the answer under each; wrong ones in red."""
    columns, cell, caption = 6, 96, 16
    rows = -(-len(chosen) // columns)
    sheet = Image.new("RGB", (columns * (cell + 8) + 8, rows * (cell + caption + 8) + 8), "white")
    pen = ImageDraw.Draw(sheet)
    for place, i in enumerate(chosen):
        x = 8 + place % columns * (cell + 8)
        y = 8 + place // columns * (cell + caption + 8)
        pixels = np.uint8(255 * (1 - images[i, :, :, 0]))
        sheet.paste(Image.fromarray(pixels).resize((cell, cell), Image.Resampling.NEAREST), (x, y))
        text = f"{answers[i]}  {100 * probabilities[i, answers[i]]:.1f} %"
        right = answers[i] == labels[i]
        pen.text((x + 2, y + cell + 2), text if right else f"{text}, is {labels[i]}",
                 fill="black" if right else "red")
    sheet.save(path)


def stripped_size(file):
    with tempfile.TemporaryDirectory() as folder:
        copy = pathlib.Path(folder) / file.name
        shutil.copyfile(file.resolve(), copy)
        run(["strip", "--strip-all", copy])
        return copy.stat().st_size


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--build", type=pathlib.Path, default=ROOT / "build/release")
    arguments.add_argument("--out", type=pathlib.Path, default=ROOT / "out")
    options = arguments.parse_args()
    eerie, out = options.build.resolve() / "eerie", options.out
    out.mkdir(parents=True, exist_ok=True)

    train(out)
    module = compile_module(eerie, out)
    images, labels, expected = (np.load(out / f"{name}.npy")
                                for name in ("images", "labels", "logits"))

    run([eerie, "run", f"--module={module}", "--function=main", f"--input=@{out / 'images.npy'}",
         f"--output=@{out / 'scores.npy'}"])
    from_command = np.load(out / "scores.npy")

    images.tofile(out / "images.f32")
    lines = run([options.build / "examples/classify", module, out / "images.f32"]).splitlines()
    table = np.array([line.split() for line in lines], dtype=np.float64)
    from_c = table[:, 1:].astype(np.float32)
    if not np.array_equal(table[:, 0], from_c.argmax(axis=1)):
        sys.exit("demo: examples/classify names another digit than its scores do")

    print("\nHeld-out images:")
    good = compare("eerie run, one batch", from_command, expected, labels)
    good &= compare("examples/classify.c", from_c, expected, labels)

    timing = json.loads(run([eerie, "bench", f"--module={module}", "--function=main",
                             "--input=1x8x8x1xf32=0.5", "--json"]))[0]
    print("\nNumbers:")
    print(f"  one image             {timing['median_ns'] / 1000:.1f} us (median of {timing['calls']} "
          f"calls, fastest {timing['min_ns'] / 1000:.1f} us)")
    print(f"  module                {module.stat().st_size} bytes")
    print(f"  libeerie.so, stripped {stripped_size(options.build / 'libeerie.so')} bytes\n")

    answers = from_command.argmax(axis=1)
    show(images, answers, labels, pick(answers, labels))
    scores = np.exp(from_command - from_command.max(axis=1, keepdims=True))
    wrong = np.flatnonzero(answers != labels)
    sheet = sorted({*range(24 - min(len(wrong), 6)), *map(int, wrong[:6])})
    draw(out / "digits.png", images, answers, labels, scores / scores.sum(axis=1, keepdims=True),
         sheet)
    print(f"\nMore of them: {out / 'digits.png'}")
    if not good:
        sys.exit("demo: the results are not those of JAX")


if __name__ == "__main__":
    main()
