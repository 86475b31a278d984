#!/usr/bin/python3
"""Writes tests/golden/tiny.onnx with the onnx package's own classes, and has its checker approve it (Debian: python3-onnx).

tests/test_onnx.c builds the same graph with ct_onnx_* and wants the same bytes.
"""
import pathlib

import numpy
import onnx
from onnx import TensorProto, helper, numpy_helper


def weight(name, *shape):
    """0, 1/4, 2/4 …: exact in float32."""
    count = int(numpy.prod(shape))
    return numpy_helper.from_array((numpy.arange(count, dtype=numpy.float32) / 4).reshape(shape), name)


def node(kind, inputs, output, **attributes):
    return helper.make_node(kind, inputs, [output], name=output, **attributes)


square = dict(kernel_shape=[2, 2], pads=[0, 0, 1, 1], strides=[2, 2])
nodes = [
    node("ConvTranspose", ["z", "w0"], "a", kernel_shape=[3, 3], strides=[2, 2]),
    node("BatchNormalization", ["a", "scale", "bias", "mean", "variance"], "b", epsilon=1e-5, momentum=0.9),
    node("Relu", ["b"], "c"),
    node("Conv", ["c", "w1"], "d", group=1, **square),
    node("LeakyRelu", ["d"], "e", alpha=0.2),
    node("Tanh", ["e"], "f"),
    node("Sigmoid", ["f"], "x"),
]
initializers = [weight("w0", 3, 2, 3, 3), weight("scale", 2), weight("bias", 2), weight("mean", 2), weight("variance", 2),
                weight("w1", 1, 2, 2, 2)]
graph = helper.make_graph(nodes, "tiny", [helper.make_tensor_value_info("z", TensorProto.FLOAT, ["batch", 3, 2, 2])],
                          [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", 1, 3, 3])], initializers)
model = onnx.ModelProto()
model.ir_version = 8
model.producer_name = "cotangent"
model.graph.CopyFrom(graph)
model.opset_import.add().version = 17
onnx.checker.check_model(model, full_check=True)
(pathlib.Path(__file__).parent / "tiny.onnx").write_bytes(model.SerializeToString())
