"""A perceptron trained on scikit-learn's digits, compiled for a GPU and run by its driver.

    digits_test.py COMMAND cuda|vulkan

COMMAND is `eerie`; the driver's library and devices are what the environment finds. Scores must be
NumPy's, and the digits that they name right as often as scikit-learn's own.

Exit code 77: scikit-learn or the compiler is not installed, or there is no such device.
"""

import pathlib
import subprocess
import sys
import tempfile

import numpy as np

try:
    from sklearn.datasets import load_digits
    from sklearn.neural_network import MLPClassifier
except ImportError as missing:
    print(f"skipped: {missing}; run: tools/setup.sh demo")
    sys.exit(77)

ROOT = pathlib.Path(__file__).resolve().parents[2]
COMPILER = ROOT / ".venv/bin/iree-compile"
FLAGS = {"cuda": ["--iree-hal-target-device=cuda", "--iree-cuda-target=sm_80"],
         "vulkan": ["--iree-hal-target-device=vulkan"]}


def constant(name, array):
    shape = "x".join(map(str, array.shape))
    data = array.astype("<f4").tobytes().hex()
    return f'%{name} = arith.constant dense<"0x{data}"> : tensor<{shape}xf32>\n'


def layer(index, source, inputs, outputs, batch, ramp):
    """x @ w + b, and nothing below zero where `ramp` says so."""
    result = f"tensor<{batch}x{outputs}xf32>"
    text = f"""
  %e{index} = tensor.empty() : {result}
  %f{index} = linalg.broadcast ins(%b{index} : tensor<{outputs}xf32>)
    outs(%e{index} : {result}) dimensions = [0]
  %m{index} = linalg.matmul
    ins({source}, %w{index} : tensor<{batch}x{inputs}xf32>, tensor<{inputs}x{outputs}xf32>)
    outs(%f{index} : {result}) -> {result}
"""
    if ramp:
        text += f"  %z{index} = arith.constant dense<0.0> : {result}\n"
        text += f"  %r{index} = arith.maximumf %m{index}, %z{index} : {result}\n"
    return text, f"%{'r' if ramp else 'm'}{index}"


def module_of(weights, biases, batch):
    text, source = "", "%x"
    for i, (weight, bias) in enumerate(zip(weights, biases)):
        text += constant(f"w{i}", weight) + constant(f"b{i}", bias)
        added, source = layer(i, source, *weight.shape, batch, i + 1 < len(weights))
        text += added
    result = f"tensor<{batch}x{weights[-1].shape[1]}xf32>"
    return (f"func.func @main(%x: tensor<{batch}x{weights[0].shape[0]}xf32>) -> {result} {{\n"
            f"{text}  return {source} : {result}\n}}\n")


def has_device(command, kind):
    listed = subprocess.run([command, "devices"], capture_output=True, text=True, check=True)
    return f"{kind}:0" in listed.stdout


def main():
    command, kind = sys.argv[1:]
    if not has_device(command, kind):
        print(f"skipped: {command} lists no device of kind {kind}")
        return 77
    if not COMPILER.is_file():
        print(f"skipped: no {COMPILER}; run: tools/setup.sh build test")
        return 77
    digits = load_digits()
    images = (digits.data / 16).astype(np.float32)
    held_out, labels = images[1500:], digits.target[1500:]
    network = MLPClassifier((48, 24), random_state=3, max_iter=60, tol=1e-2)
    network.fit(images[:1500], digits.target[:1500])
    weights = [weight.astype(np.float32) for weight in network.coefs_]
    biases = [bias.astype(np.float32) for bias in network.intercepts_]
    expected = held_out
    for i, (weight, bias) in enumerate(zip(weights, biases)):
        expected = expected @ weight + bias
        expected = np.maximum(expected, 0) if i + 1 < len(weights) else expected
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        (folder / "digits.mlir").write_text(module_of(weights, biases, len(held_out)))
        np.save(folder / "images.npy", held_out)
        commands = (
            [COMPILER, "digits.mlir", "-o", "digits.vmfb", *FLAGS[kind]],
            [command, "run", f"--device={kind}", "--module=digits.vmfb", "--function=main",
             "--input=@images.npy", "--output=@scores.npy"])
        for words in commands:
            subprocess.run(words, cwd=folder, check=True, timeout=120)
        scores = np.load(folder / "scores.npy")
    np.testing.assert_allclose(scores, expected, rtol=1e-4, atol=1e-4)
    right = float((scores.argmax(1) == labels).mean())
    theirs = network.score(held_out, labels)
    print(f"{len(labels)} digits, {right:.1%} right (scikit-learn: {theirs:.1%}), "
          f"scores within {np.abs(scores - expected).max():.1e}")
    return 0 if right > 0.85 and abs(right - theirs) < 0.005 else 1


if __name__ == "__main__":
    sys.exit(main())
