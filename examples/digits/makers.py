"""Classifiers of digits, one from each framework, that are trained in seconds.

Each function is given the training images f32[n,8,8,1] with values 0..1 and their labels i32[n], and
a folder. It writes a model there, in the framework's own format, and returns its path, what `eerie
compile` is to be told beside it, and the framework's own scorer: images f32[n,64] -> the digit of
each. A framework is imported only where it is used.
"""
from __future__ import annotations

import pathlib
import pickle
import typing

import numpy as np

SEED = 3
Images = np.ndarray
Made = tuple[pathlib.Path | str, list[str], typing.Callable[[Images], np.ndarray]]


def scikit_learn(images: Images, labels, out: pathlib.Path, small: bool) -> Made:
    """Principal components and a support vector machine, pickled."""
    from sklearn.decomposition import PCA
    from sklearn.pipeline import make_pipeline
    from sklearn.svm import SVC
    count = 400 if small else len(images)
    pipeline = make_pipeline(PCA(24, random_state=SEED), SVC(C=10))
    pipeline.fit(images.reshape(-1, 64)[:count], labels[:count])
    path = out / "sklearn.pkl"
    path.write_bytes(pickle.dumps(pipeline))
    return path, ["--trust-pickle"], pipeline.predict


def pytorch(images: Images, labels, out: pathlib.Path, small: bool) -> Made:
    """Convolutions, as a program of torch.export."""
    import torch
    from torch import nn
    torch.manual_seed(SEED)
    torch.set_num_threads(1)
    network = nn.Sequential(
        nn.Unflatten(1, (1, 8, 8)), nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(512, 10))
    optimizer = torch.optim.Adam(network.parameters(), 3e-3)
    x, y = torch.from_numpy(images.reshape(-1, 64)), torch.from_numpy(labels.astype(np.int64))
    for _ in range(3 if small else 20):
        for rows in torch.randperm(len(x)).split(64):
            optimizer.zero_grad()
            nn.functional.cross_entropy(network(x[rows]), y[rows]).backward()
            optimizer.step()
    program = torch.export.export(network.eval(), (x[:3],),
                                  dynamic_shapes=({0: torch.export.Dim("batch")},))
    path = out / "torch.pt2"
    torch.export.save(program, path)

    def predict(pictures: Images) -> np.ndarray:
        with torch.no_grad():
            return network(torch.from_numpy(pictures)).argmax(1).numpy()
    return path, [], predict


def jax(images: Images, labels, out: pathlib.Path, small: bool) -> Made:
    """Two dense layers, as an artifact of jax.export."""
    import jax as framework
    import jax.export
    import jax.numpy as jnp
    random = np.random.default_rng(SEED)
    weights = [jnp.asarray(random.normal(size=size) * size[0] ** -0.5, jnp.float32)
               for size in ((64, 48), (48, 10))]

    def scores(weights, x):
        return framework.nn.relu(x @ weights[0]) @ weights[1]

    @framework.jit
    def step(weights, x, y):
        def loss(weights):
            likely = framework.nn.log_softmax(scores(weights, x))
            return -jnp.mean(jnp.take_along_axis(likely, y[:, None], axis=1))
        return [w - 1.0 * g for w, g in zip(weights, framework.grad(loss)(weights))]

    x = images.reshape(-1, 64)
    for _ in range(60 if small else 400):
        weights = step(weights, x, labels)
    batch, = jax.export.symbolic_shape("batch")
    exported = jax.export.export(framework.jit(lambda x: scores(weights, x)))(
        framework.ShapeDtypeStruct((batch, 64), jnp.float32))
    path = out / "jax.stablehlo"
    path.write_bytes(exported.serialize())
    return path, [], lambda pictures: np.asarray(scores(weights, pictures)).argmax(1)


def onnx(images: Images, labels, out: pathlib.Path, small: bool) -> Made:
    """Ridge regression on random features, written node by node; its judge is ONNX's evaluator."""
    import onnx as framework
    from onnx import helper, numpy_helper
    from onnx.reference import ReferenceEvaluator
    random = np.random.default_rng(SEED)
    x = images.reshape(-1, 64)
    kernel = (random.normal(size=(64, 60 if small else 300)) / 4).astype(np.float32)
    features = np.maximum(x @ kernel, 0)
    wanted = np.eye(10, dtype=np.float32)[labels]
    readout = np.linalg.solve(features.T @ features + np.eye(kernel.shape[1]),
                              features.T @ wanted).astype(np.float32)
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "kernel"], ["mixed"]),
         helper.make_node("Relu", ["mixed"], ["features"]),
         helper.make_node("MatMul", ["features", "readout"], ["scores"])],
        "digits",
        [helper.make_tensor_value_info("x", framework.TensorProto.FLOAT, ["batch", 64])],
        [helper.make_tensor_value_info("scores", framework.TensorProto.FLOAT, ["batch", 10])],
        [numpy_helper.from_array(kernel, "kernel"), numpy_helper.from_array(readout, "readout")])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
    framework.checker.check_model(model)
    path = out / "onnx.onnx"
    framework.save(model, path)
    judge = ReferenceEvaluator(model)
    return path, [], lambda pictures: judge.run(None, {"x": pictures})[0].argmax(1)


HERE = {"scikit-learn": scikit_learn, "PyTorch": pytorch, "JAX": jax, "ONNX": onnx}
