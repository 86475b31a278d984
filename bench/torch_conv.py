"""bench/conv.c in PyTorch. Reads layers (lines of `bench-conv --list`) from stdin; answers each with one line, a JSON list.

Our conv_transpose stands beside two things of PyTorch's that are the same map: its transposed convolution ("conv_transpose") and the
gradient of its convolution by the input ("conv_input"). Our conv_weight stands beside the weight gradients of both.
"""
import json
import sys

import torch
import torch.nn.functional as F

from torch_measure import measure

torch.manual_seed(1)
seconds = float(sys.argv[2]) if sys.argv[1:2] == ["--seconds"] else 0.3
backward = torch.ops.aten.convolution_backward

for line in sys.stdin:
    name, *numbers = line.strip().split(",")
    rank, batch, c_in, c_out, size, kernel, stride, padding, dilation, groups = map(int, numbers)
    reach = size + 2 * padding - dilation * (kernel - 1) - 1
    x = torch.randn(batch, c_in, *[size] * rank)
    w = torch.randn(c_out, c_in // groups, *[kernel] * rank)
    y = torch.randn(batch, c_out, *[reach // stride + 1] * rank)
    conv = (F.conv1d, F.conv2d, F.conv3d)[rank - 1]
    conv_transpose = (F.conv_transpose1d, F.conv_transpose2d, F.conv_transpose3d)[rank - 1]
    s, p, d, rest = ([value] * rank for value in (stride, padding, dilation, reach % stride))
    zero = [0] * rank
    maps = {
        "conv": lambda: conv(x, w, None, s, p, d, groups),
        "conv_transpose": lambda: conv_transpose(y, w, None, s, p, rest, groups, d),
        "conv_input": lambda: backward(y, x, w, None, s, p, d, False, zero, groups, [True, False, False]),
        "conv_weight": lambda: backward(y, x, w, None, s, p, d, False, zero, groups, [False, True, False]),
        "conv_transpose_weight": lambda: backward(x, y, w, None, s, p, d, True, rest, groups, [False, True, False]),
    }
    answers = []
    with torch.no_grad():
        for key, body in maps.items():
            runs, median, minimum, cpu = measure(body, seconds=seconds)
            answers.append({"layer": name, "map": key, "runs": runs, "median_ms": 1e3 * median, "min_ms": 1e3 * minimum,
                            "cpu_ms": 1e3 * cpu})
    print(json.dumps(answers), flush=True)
