"""Makes the .tflite files of this folder, and what TensorFlow's interpreter answers to them.

    python make.py        (tensorflow-cpu 2.21.0)

The weights are drawn here. NAME.npz has `input`, a few batches one behind the other, and `output`.
"""
import os
import pathlib

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import keras
import numpy
import tensorflow as tf

FOLDER = pathlib.Path(__file__).resolve().parent
keras.utils.set_random_seed(7)
LAYERS = keras.layers


def mlp(batch):
    return keras.Sequential([
        LAYERS.Input((8,), batch_size=batch), LAYERS.Dense(16, "relu", bias_initializer="normal"),
        LAYERS.Dense(12, "tanh"), LAYERS.Dense(5, "softmax")])


def cnn(batch):
    return keras.Sequential([
        LAYERS.Input((12, 12, 3), batch_size=batch),
        LAYERS.Conv2D(8, 3, padding="same", activation="relu"), LAYERS.MaxPool2D(),
        LAYERS.DepthwiseConv2D(3, activation="relu6"), LAYERS.Conv2D(12, 3, strides=2),
        LAYERS.BatchNormalization(), LAYERS.ReLU(), LAYERS.GlobalAveragePooling2D(),
        LAYERS.Dense(4)])


def lstm(batch):
    return keras.Sequential([LAYERS.Input((6, 4), batch_size=batch), LAYERS.LSTM(5),
                             LAYERS.Dense(2)])


def convert(model, quantize=False):
    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    if quantize:
        random = numpy.random.default_rng(1)
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.representative_dataset = lambda: (
            [random.normal(size=model.input_shape).astype(numpy.float32)] for _ in range(20))
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter.inference_input_type = converter.inference_output_type = tf.int8
    return converter.convert()


def answers(content, rows=None, batches=4):
    interpreter = tf.lite.Interpreter(model_content=content)
    source, = interpreter.get_input_details()
    shape = list(source["shape"])
    if rows:
        shape[0] = rows
        interpreter.resize_tensor_input(source["index"], shape)
    interpreter.allocate_tensors()
    target, = interpreter.get_output_details()
    random = numpy.random.default_rng(5)
    if source["dtype"] is numpy.int8:
        inputs = random.integers(-128, 128, (batches, *shape)).astype(numpy.int8)
    else:
        inputs = random.normal(size=(batches, *shape)).astype(numpy.float32)
    outputs = []
    for part in inputs:
        interpreter.set_tensor(source["index"], part)
        interpreter.invoke()
        outputs.append(interpreter.get_tensor(target["index"]))
    return {"input": inputs, "output": numpy.stack(outputs)}


def main():
    for name, content, rows in (
            ("mlp", convert(mlp(4)), None), ("cnn", convert(cnn(2)), None),
            ("dynamic", convert(mlp(None)), 3), ("int8", convert(cnn(1), True), None),
            ("lstm", convert(lstm(1)), None)):
        (FOLDER / f"{name}.tflite").write_bytes(content)
        numpy.savez_compressed(FOLDER / f"{name}.npz", **answers(content, rows))


if __name__ == "__main__":
    main()
