"""Models for the tests on boards: what they are, and what the host makes of every image.

The images are the 450 of scikit-learn's digits that the demo holds out, here as bytes 0..16.
"""
from __future__ import annotations

import dataclasses
import pathlib
import subprocess
import sys

import numpy as np

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
SEED = 7


@dataclasses.dataclass(frozen=True)
class Model:
    """A model's source, and the host's answers."""
    name: str
    source: pathlib.Path
    options: tuple[str, ...]
    function: str
    expected: np.ndarray  # f32[450,10]
    # How far a score may be from the host's, and how many images may be read as another digit.
    tolerance: float
    others: int = 0


def load_images() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Training images and labels, held-out images and labels; pixels 0..16."""
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split
    digits = load_digits()
    train_x, test_x, train_y, test_y = train_test_split(
        digits.data.astype(np.uint8), digits.target.astype(np.int32), test_size=450,
        random_state=SEED, stratify=digits.target)
    return train_x, train_y, test_x, test_y


def dense(values: np.ndarray) -> str:
    """A constant of MLIR, its bytes as they are."""
    data = values.astype("<f4").tobytes().hex().upper()
    return f'dense<"0x{data}"> : tensor<{"x".join(map(str, values.shape))}xf32>'


MLP = """func.func @classify(%image: tensor<1x64xf32>) -> (tensor<1x10xf32>) {{
  %w1 = stablehlo.constant {w1}
  %b1 = stablehlo.constant {b1}
  %w2 = stablehlo.constant {w2}
  %b2 = stablehlo.constant {b2}
  %zero = stablehlo.constant dense<0.0> : tensor<1x{h}xf32>
  %0 = stablehlo.dot_general %image, %w1, contracting_dims = [1] x [0]
      : (tensor<1x64xf32>, tensor<64x{h}xf32>) -> tensor<1x{h}xf32>
  %1 = stablehlo.add %0, %b1 : tensor<1x{h}xf32>
  %2 = stablehlo.maximum %1, %zero : tensor<1x{h}xf32>
  %3 = stablehlo.dot_general %2, %w2, contracting_dims = [1] x [0]
      : (tensor<1x{h}xf32>, tensor<{h}x10xf32>) -> tensor<1x10xf32>
  %4 = stablehlo.add %3, %b2 : tensor<1x10xf32>
  return %4 : tensor<1x10xf32>
}}
"""


def make_mlp(out: pathlib.Path) -> Model:
    """64-32-10, by scikit-learn; judged by NumPy."""
    from sklearn.neural_network import MLPClassifier
    train_x, train_y, test_x, _ = load_images()
    network = MLPClassifier((32,), max_iter=400, random_state=SEED, tol=1e-3)
    network.fit(train_x.astype(np.float32) / 16, train_y)
    (w1, w2), (b1, b2) = ([x.astype(np.float32) for x in group]
                          for group in (network.coefs_, network.intercepts_))
    text = MLP.format(h=w1.shape[1], w1=dense(w1), b1=dense(b1[None]), w2=dense(w2),
                      b2=dense(b2[None]))
    path = out / "mlp.mlir"
    path.write_text(text)
    pixels = test_x.astype(np.float64) / 16
    expected = np.maximum(pixels @ w1 + b1, 0) @ w2 + b2
    return Model("mlp", path, (), "classify", expected.astype(np.float32), 2e-4)


def make_networks(out: pathlib.Path) -> list[Model]:
    """Convolutions, as floats and as bytes, small and fast, by PyTorch and onnxruntime, which judges
    too."""
    folder = out / "networks"
    if not (folder / "logits_int8.npy").is_file():
        subprocess.run([sys.executable, ROOT / "tests/models/quantised_digits.py", folder],
                       check=True, stdout=subprocess.DEVNULL)
    # A sum may fall on the other side of a rounding: some scores are one step apart.
    step = 0.26
    return [
        Model("cnn", folder / "digits_f32.onnx", ("--dim=batch=1",), "digits",
              np.load(folder / "logits_f32.npy"), 5e-4),
        Model("cnn_int8", folder / "digits_int8.onnx", ("--dim=batch=1",), "digits",
              np.load(folder / "logits_int8.npy"), step, 2),
        Model("cnn_fast", folder / "digits_int8.onnx", ("--dim=batch=1", "--rewrite=windows"),
              "digits", np.load(folder / "logits_int8.npy"), step, 2),
    ]


def write_images(path: pathlib.Path) -> None:
    """The held-out images as a C header."""
    _, _, images, _ = load_images()
    rows = ",\n".join("    {" + ", ".join(map(str, image)) + "}" for image in images)
    path.write_text(f"enum {{ IMAGE_COUNT = {len(images)}, IMAGE_PIXELS = {images.shape[1]} }};\n"
                    f"static const uint8_t images[{len(images)}][{images.shape[1]}] = {{\n{rows},\n"
                    "};\n")
