"""bench/scalar.c in PyTorch: a chain y = a·y + b of 10,000 scalar nodes, forward and backward."""
import json
import sys

import torch

from torch_measure import measure

NODES = 10000
x, a, b = (torch.tensor(value, requires_grad=True) for value in (1.0, 0.999, 0.001))


def run():
    x.grad = a.grad = b.grad = None
    y = x
    for _ in range(NODES // 2):
        y = a * y + b
    y.backward()


runs, median, minimum, cpu = measure(run, seconds=float(sys.argv[2]) if sys.argv[1:2] == ["--seconds"] else 1)
print(json.dumps({"nodes": NODES, "runs": runs, "median_ns": 1e9 * median / NODES, "min_ns": 1e9 * minimum / NODES, "cpu_ns": 1e9 * cpu / NODES,
                  "gradient_of_x": x.grad.item()}))
