"""bench/ops.c in PyTorch: the same ops on the same shapes, one line of JSON each."""
import argparse
import json

import torch
import torch.nn.functional as F

from torch_measure import measure

IMAGES = (64, 64, 32, 32)
CASES = {
    "add": (IMAGES, IMAGES, lambda x, w: x + w),
    "mul by a channel's scale": (IMAGES, (64, 1, 1), lambda x, w: x * w),
    "leaky_relu": (IMAGES, (), lambda x, w: F.leaky_relu(x, 0.2)),
    "elu": (IMAGES, (), lambda x, w: F.elu(x)),
    "gelu": (IMAGES, (), lambda x, w: F.gelu(x)),
    "tanh": (IMAGES, (), lambda x, w: torch.tanh(x)),
    "sigmoid": (IMAGES, (), lambda x, w: torch.sigmoid(x)),
    "exp": (IMAGES, (), lambda x, w: torch.exp(x)),
    "square, sqrt": (IMAGES, (), lambda x, w: torch.sqrt(torch.square(x))),
    "sum": (IMAGES, (), lambda x, w: x.sum()),
    "sum over rows": ((2048, 2048), (), lambda x, w: x.sum(0)),
    "sum over columns": ((2048, 2048), (), lambda x, w: x.sum(1)),
    "var of a channel": (IMAGES, (), lambda x, w: x.var((0, 2, 3))),
    "max over channels": (IMAGES, (), lambda x, w: x.amax(1)),
    "softmax": ((4096, 1000), (), lambda x, w: F.softmax(x, -1)),
    "log_softmax over channels": (IMAGES, (), lambda x, w: F.log_softmax(x, 1)),
    "layer_norm": ((4096, 1024), (1024,), lambda x, w: F.layer_norm(x, (1024,), w, w)),
    "group_norm": (IMAGES, (64,), lambda x, w: F.group_norm(x, 8, w, w)),
    "batch_norm": (IMAGES, (64,), lambda x, w: F.batch_norm(x, None, None, w, w, True)),
    "max_pool": (IMAGES, (), lambda x, w: F.max_pool2d(x, 3, 2, 1)),
    "avg_pool": (IMAGES, (), lambda x, w: F.avg_pool2d(x, 3, 2, 1)),
    "upsample nearest": ((64, 16, 32, 32), (), lambda x, w: F.interpolate(x, (64, 64))),
    "upsample bilinear": ((64, 16, 32, 32), (), lambda x, w: F.interpolate(x, (64, 64), mode="bilinear")),
    "transpose": ((2048, 2048), (), lambda x, w: x.transpose(0, 1).contiguous()),
    "permute NCHW to NHWC": (IMAGES, (), lambda x, w: x.permute(0, 2, 3, 1).contiguous()),
    "concat": (IMAGES, IMAGES, lambda x, w: torch.cat((x, w), 1)),
    "pad, reflect": (IMAGES, (), lambda x, w: F.pad(x, (1, 1, 1, 1), mode="reflect")),
    "dropout": (IMAGES, (), lambda x, w: F.dropout(x, 0.5)),
    "matmul": ((1024, 1024), (1024, 1024), lambda x, w: x @ w),
    "matmul, batched": ((256, 64, 64), (256, 64, 64), lambda x, w: x @ w),
    "linear": ((64, 2048), (1000, 2048), lambda x, w: F.linear(x, w)),
    "mse_loss": (IMAGES, IMAGES, F.mse_loss),
    "bce_with_logits_loss": (IMAGES, IMAGES, F.binary_cross_entropy_with_logits),
}

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--seconds", type=float, default=0.2)
parser.add_argument("--filter", default="")
o = parser.parse_args()
torch.manual_seed(1)
for name, (shape, second, op) in CASES.items():
    if o.filter not in name:
        continue
    x, w = torch.rand(shape, requires_grad=True), torch.rand(second, requires_grad=True)
    with torch.no_grad():
        ones = torch.ones_like(op(x, w))

    def forward():
        with torch.no_grad():
            op(x, w)

    def both():
        x.grad = w.grad = None
        op(x, w).backward(ones)

    _, _, alone, _ = measure(forward, seconds=o.seconds)
    _, median, least, _ = measure(both, seconds=o.seconds)
    print(json.dumps({"op": name, "forward_ms": 1e3 * alone, "both_ms": 1e3 * least, "median_ms": 1e3 * median}), flush=True)
