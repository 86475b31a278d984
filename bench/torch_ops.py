"""bench/ops.c in PyTorch: the same ops on the same shapes, one line of JSON each."""
import argparse
import json

import torch
import torch.nn.functional as F

from torch_measure import measure

IMAGES = (64, 64, 32, 32)
CASES = {  # name: shapes of x and w, the op, and how many classes w holds numbers of
    "add": (IMAGES, IMAGES, lambda x, w: x + w),
    "add a channel's bias": (IMAGES, (64, 1, 1), lambda x, w: x + w),
    "mul": (IMAGES, IMAGES, lambda x, w: x * w),
    "mul by a channel's scale": (IMAGES, (64, 1, 1), lambda x, w: x * w),
    "div": (IMAGES, IMAGES, lambda x, w: x / w),
    "maximum": (IMAGES, IMAGES, torch.maximum),
    "relu": (IMAGES, (), lambda x, w: F.relu(x)),
    "leaky_relu": (IMAGES, (), lambda x, w: F.leaky_relu(x, 0.2)),
    "elu": (IMAGES, (), lambda x, w: F.elu(x)),
    "gelu": (IMAGES, (), lambda x, w: F.gelu(x)),
    "softplus": (IMAGES, (), lambda x, w: F.softplus(x)),
    "tanh": (IMAGES, (), lambda x, w: torch.tanh(x)),
    "sigmoid": (IMAGES, (), lambda x, w: torch.sigmoid(x)),
    "exp": (IMAGES, (), lambda x, w: torch.exp(x)),
    "log": (IMAGES, (), lambda x, w: torch.log(x)),
    "erf": (IMAGES, (), lambda x, w: torch.erf(x)),
    "pow 2.5": (IMAGES, (), lambda x, w: x ** 2.5),
    "abs": (IMAGES, (), lambda x, w: x.abs()),
    "clamp": (IMAGES, (), lambda x, w: x.clamp(0.2, 0.8)),
    "square, sqrt": (IMAGES, (), lambda x, w: torch.sqrt(torch.square(x))),
    "sum": (IMAGES, (), lambda x, w: x.sum()),
    "sum over rows": ((2048, 2048), (), lambda x, w: x.sum(0)),
    "sum over columns": ((2048, 2048), (), lambda x, w: x.sum(1)),
    "mean of an image": (IMAGES, (), lambda x, w: x.mean((2, 3))),
    "var of a channel": (IMAGES, (), lambda x, w: x.var((0, 2, 3))),
    "max": (IMAGES, (), lambda x, w: x.amax()),
    "max over channels": (IMAGES, (), lambda x, w: x.amax(1)),
    "max over columns": ((2048, 2048), (), lambda x, w: x.amax(-1)),
    "softmax": ((4096, 1000), (), lambda x, w: F.softmax(x, -1)),
    "log_softmax over channels": (IMAGES, (), lambda x, w: F.log_softmax(x, 1)),
    "layer_norm": ((4096, 1024), (1024,), lambda x, w: F.layer_norm(x, (1024,), w, w)),
    "group_norm": (IMAGES, (64,), lambda x, w: F.group_norm(x, 8, w, w)),
    "instance_norm": (IMAGES, (64,), lambda x, w: F.instance_norm(x, weight=w, bias=w)),
    "batch_norm": (IMAGES, (64,), lambda x, w: F.batch_norm(x, None, None, w, w, True)),
    "batch_norm, leaky_relu": (IMAGES, (64,), lambda x, w: F.leaky_relu(F.batch_norm(x, None, None, w, w, True), 0.2, inplace=True)),
    "max_pool": (IMAGES, (), lambda x, w: F.max_pool2d(x, 3, 2, 1)),
    "max_pool 2": (IMAGES, (), lambda x, w: F.max_pool2d(x, 2)),
    "avg_pool": (IMAGES, (), lambda x, w: F.avg_pool2d(x, 3, 2, 1)),
    "avg_pool 2": (IMAGES, (), lambda x, w: F.avg_pool2d(x, 2)),
    "upsample nearest": ((64, 16, 32, 32), (), lambda x, w: F.interpolate(x, (64, 64))),
    "upsample bilinear": ((64, 16, 32, 32), (), lambda x, w: F.interpolate(x, (64, 64), mode="bilinear")),
    "upsample bilinear, corners": ((64, 16, 32, 32), (), lambda x, w: F.interpolate(x, (64, 64), mode="bilinear", align_corners=True)),
    "transpose": ((2048, 2048), (), lambda x, w: x.transpose(0, 1).contiguous()),
    "permute NCHW to NHWC": (IMAGES, (), lambda x, w: x.permute(0, 2, 3, 1).contiguous()),
    "concat": (IMAGES, IMAGES, lambda x, w: torch.cat((x, w), 1)),
    "slice of channels": (IMAGES, (), lambda x, w: x[:, 16:48].contiguous()),
    "flip": (IMAGES, (), lambda x, w: x.flip(3)),
    "expand": ((64, 64, 1, 1), (), lambda x, w: x.expand(IMAGES).contiguous()),
    "gather": ((4096, 1000), (4096, 1000), lambda x, w: x.gather(1, w), 1000),
    "pad, zeros": (IMAGES, (), lambda x, w: F.pad(x, (1, 1, 1, 1))),
    "pad, reflect": (IMAGES, (), lambda x, w: F.pad(x, (1, 1, 1, 1), mode="reflect")),
    "dropout": (IMAGES, (), lambda x, w: F.dropout(x, 0.5)),
    "matmul": ((1024, 1024), (1024, 1024), lambda x, w: x @ w),
    "matmul, batched": ((256, 64, 64), (256, 64, 64), lambda x, w: x @ w),
    "linear": ((64, 2048), (1000, 2048), lambda x, w: F.linear(x, w)),
    "mse_loss": (IMAGES, IMAGES, F.mse_loss),
    "l1_loss": (IMAGES, IMAGES, F.l1_loss),
    "smooth_l1_loss": (IMAGES, IMAGES, F.smooth_l1_loss),
    "bce_loss": (IMAGES, IMAGES, F.binary_cross_entropy),
    "bce_with_logits_loss": (IMAGES, IMAGES, F.binary_cross_entropy_with_logits),
    "cross_entropy of rows": ((4096, 1000), (4096,), F.cross_entropy, 1000),
    "cross_entropy of pixels": ((64, 21, 64, 64), (64, 64, 64), F.cross_entropy, 21),
}
STEPS = {
    "SGD": lambda p: torch.optim.SGD(p, 0.001, foreach=True).step,
    "SGD with momentum": lambda p: torch.optim.SGD(p, 0.001, 0.9, foreach=True).step,
    "Adam": lambda p: torch.optim.Adam(p, foreach=True).step,
    "AdamW": lambda p: torch.optim.AdamW(p, foreach=True).step,
    "RMSprop": lambda p: torch.optim.RMSprop(p, foreach=True).step,
    "clip_grad_norm": lambda p: lambda: torch.nn.utils.clip_grad_norm_(p, 1),
}

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--seconds", type=float, default=0.2)
parser.add_argument("--filter", default="")
o = parser.parse_args()
torch.manual_seed(1)
for name, (shape, second, op, *classes) in CASES.items():
    if o.filter not in name:
        continue
    x, w = torch.rand(shape, requires_grad=True), torch.rand(second, requires_grad=True)
    if classes:
        w = (w.detach() * classes[0]).long()
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
for name, make in STEPS.items():
    if o.filter not in name:
        continue
    parameters = [torch.rand((1 << 20) >> i % 12, requires_grad=True) for i in range(24)]
    for p in parameters:
        p.grad = torch.rand_like(p)
    _, _, alone, _ = measure(make(parameters), seconds=o.seconds)
    print(json.dumps({"op": name, "forward_ms": 1e3 * alone}), flush=True)
