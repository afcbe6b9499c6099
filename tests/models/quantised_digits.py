"""A small convolutional network for scikit-learn's digits, trained and then quantised to 8 bits.

    python tests/models/quantised_digits.py OUT [--activations int8|uint8] [--epochs N]

writes into the folder OUT:
    digits_f32.onnx    the network, f32[batch,1,8,8] -> f32[batch,10], opset 17
    digits_int8.onnx   the same by onnxruntime's static quantiser: QuantizeLinear and
                       DequantizeLinear around operators, a scale for each channel of the weights,
                       biases of 32 bits
    images.npy         the held-out images, f32[450,1,8,8], 0..1
    labels.npy         what they show, i32[450]
    logits_f32.npy     what onnxruntime says of them with digits_f32.onnx, f32[450,10]
    logits_int8.npy    and with digits_int8.onnx

For firmware a size of batch is given when the model is imported: `--dim batch=1`. All is seeded.
Needs torch, scikit-learn and onnxruntime.
"""
from __future__ import annotations

import argparse
import pathlib
import tempfile
import time

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

SEED = 7
HELD_OUT = 450
EPOCHS = 40
# Channels of the two convolutions. Weights and biases of the whole take 2 KB as bytes.
CHANNELS = (8, 16)
CLASSES = 10
CALIBRATION = 200  # training images that the quantiser takes its ranges from


def load_data():
    """The 1797 bundled images, split with every digit equally present: train, held out, labels."""
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split
    digits = load_digits()
    images = (digits.images[:, None] / 16.0).astype(np.float32)
    return train_test_split(images, digits.target.astype(np.int32), test_size=HELD_OUT,
                            random_state=SEED, stratify=digits.target)


def train(images: np.ndarray, labels: np.ndarray, epochs: int = EPOCHS) -> dict[str, np.ndarray]:
    """The weights, by name."""
    import torch
    from torch import nn
    torch.manual_seed(SEED)
    torch.set_num_threads(1)
    first, second = CHANNELS
    network = nn.Sequential(
        nn.Conv2d(1, first, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(first, second, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(4 * second, CLASSES))
    x, y = torch.from_numpy(images), torch.from_numpy(labels.astype(np.int64))
    optimizer = torch.optim.Adam(network.parameters(), 1e-2)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs)
    for _ in range(epochs):
        for rows in torch.randperm(len(x)).split(64):
            optimizer.zero_grad()
            nn.functional.cross_entropy(network(x[rows]), y[rows]).backward()
            optimizer.step()
        schedule.step()
    names = ("conv1", "bias1", "conv2", "bias2", "dense", "bias3")
    return {name: value.detach().numpy() for name, value in zip(names, network.parameters())}


def network(weights: dict[str, np.ndarray]) -> onnx.ModelProto:
    def conv(x: str, weight: str, bias: str, y: str) -> list[onnx.NodeProto]:
        return [helper.make_node("Conv", [x, weight, bias], [y + "_sum"], kernel_shape=[3, 3],
                                 pads=[1] * 4, name=weight),
                helper.make_node("Relu", [y + "_sum"], [y + "_relu"], name=weight + "_relu"),
                helper.make_node("MaxPool", [y + "_relu"], [y], kernel_shape=[2, 2],
                                 strides=[2, 2], name=weight + "_pool")]
    nodes = [*conv("image", "conv1", "bias1", "half"), *conv("half", "conv2", "bias2", "quarter"),
             helper.make_node("Flatten", ["quarter"], ["flat"], name="flatten"),
             helper.make_node("Gemm", ["flat", "dense", "bias3"], ["logits"], transB=1,
                              name="dense")]
    graph = helper.make_graph(
        nodes, "digits",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["batch", 1, 8, 8])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", CLASSES])],
        [numpy_helper.from_array(value, name) for name, value in weights.items()])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.checker.check_model(model, full_check=True)
    return model


def quantise(path: pathlib.Path, out: pathlib.Path, images: np.ndarray, activations: str) -> None:
    """Writes the model at `path` with 8-bit weights and activations to `out`."""
    from onnxruntime import quantization

    class Images(quantization.CalibrationDataReader):
        def __init__(self):
            self.rest = iter(images[:CALIBRATION])

        def get_next(self):
            image = next(self.rest, None)
            return None if image is None else {"image": image[None]}

    kind = {"int8": quantization.QuantType.QInt8, "uint8": quantization.QuantType.QUInt8}
    with tempfile.TemporaryDirectory() as folder:
        prepared = pathlib.Path(folder) / "prepared.onnx"
        quantization.shape_inference.quant_pre_process(str(path), str(prepared))
        quantization.quantize_static(
            str(prepared), str(out), Images(), quant_format=quantization.QuantFormat.QDQ,
            per_channel=True, activation_type=kind[activations],
            weight_type=quantization.QuantType.QInt8)


def run(path: pathlib.Path, images: np.ndarray) -> np.ndarray:
    """What onnxruntime says, each node by itself as it stands."""
    import onnxruntime
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    return session.run(None, {"image": images})[0]


def make(out: pathlib.Path, activations: str = "int8", epochs: int = EPOCHS) -> dict[str, float]:
    """Writes all of the above into `out`; the parts of the held-out images that are told right."""
    out.mkdir(parents=True, exist_ok=True)
    train_x, test_x, train_y, test_y = load_data()
    onnx.save(network(train(train_x, train_y, epochs)), out / "digits_f32.onnx")
    quantise(out / "digits_f32.onnx", out / "digits_int8.onnx", train_x, activations)
    np.save(out / "images.npy", test_x)
    np.save(out / "labels.npy", test_y)
    right = {}
    for kind in ("f32", "int8"):
        logits = run(out / f"digits_{kind}.onnx", test_x)
        np.save(out / f"logits_{kind}.npy", logits)
        right[kind] = float(np.mean(logits.argmax(1) == test_y))
    return right


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--activations", choices=["int8", "uint8"], default="int8")
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    options = parser.parse_args()
    start = time.monotonic()
    right = make(options.out, options.activations, options.epochs)
    print(f"trained and quantised in {time.monotonic() - start:.1f} s; right of {HELD_OUT} held-out "
          f"images: {right['f32']:.4f} in f32, {right['int8']:.4f} in 8 bits")


if __name__ == "__main__":
    main()
