"""`dcgan bench` in PyTorch: the training step of its DCGAN example (github.com/pytorch/examples, dcgan/main.py), on noise in memory.

The example also computes the discriminator's weight gradients in the generator's step, and throws them away; --frozen leaves them out.
"""
import argparse
import json
import statistics
import time

START = time.perf_counter()

import torch
from torch import nn

parser = argparse.ArgumentParser()
for name, value in dict(size=64, channels=3, batch=64, nz=100, ngf=64, ndf=64, steps=10, warm_up=3).items():
    parser.add_argument("--" + name.replace("_", "-"), type=int, default=value)
parser.add_argument("--frozen", action="store_true")
o = parser.parse_args()
torch.manual_seed(1)

stages = (o.size // 4).bit_length() - 1
up, width = [], o.nz
for i in reversed(range(stages)):
    up += [nn.ConvTranspose2d(width, o.ngf << i, 4, *((1, 0) if not up else (2, 1)), bias=False),
           nn.BatchNorm2d(o.ngf << i), nn.ReLU(True)]
    width = o.ngf << i
generator = nn.Sequential(*up, nn.ConvTranspose2d(width, o.channels, 4, 2, 1, bias=False), nn.Tanh())

down, width = [], o.channels
for i in range(stages):
    down += [nn.Conv2d(width, o.ndf << i, 4, 2, 1, bias=False)] + ([nn.BatchNorm2d(o.ndf << i)] if i else []) + [
        nn.LeakyReLU(0.2, inplace=True)]
    width = o.ndf << i
discriminator = nn.Sequential(*down, nn.Conv2d(width, 1, 4, 1, 0, bias=False), nn.Sigmoid())

for net in (generator, discriminator):
    for layer in net:
        if isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d)):
            nn.init.normal_(layer.weight, 0, 0.02)
        elif isinstance(layer, nn.BatchNorm2d):
            nn.init.normal_(layer.weight, 1, 0.02)

criterion = nn.BCELoss()
adam_d = torch.optim.Adam(discriminator.parameters(), lr=0.0002, betas=(0.5, 0.999))
adam_g = torch.optim.Adam(generator.parameters(), lr=0.0002, betas=(0.5, 0.999))
real = torch.rand(o.batch, o.channels, o.size, o.size) * 2 - 1


def judge(images, target):
    answer = discriminator(images).view(-1)
    loss = criterion(answer, torch.full((o.batch,), target))
    loss.backward()
    return loss.item(), answer.mean().item()


def step():
    discriminator.zero_grad(set_to_none=True)
    judge(real, 1.0)
    fake = generator(torch.randn(o.batch, o.nz, 1, 1))
    judge(fake.detach(), 0.0)
    adam_d.step()
    generator.zero_grad(set_to_none=True)
    discriminator.requires_grad_(not o.frozen)
    judge(fake, 1.0)
    discriminator.requires_grad_(True)
    adam_g.step()


taken, cpu = [], []
for i in range(o.warm_up + o.steps):
    before, cpu_before = time.perf_counter(), time.process_time()
    step()
    taken.append(time.perf_counter() - before)
    cpu.append(time.process_time() - cpu_before)
    if i == 0:
        first = time.perf_counter() - START

taken = taken[o.warm_up:]
median = statistics.median(taken)
peak = next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM:"))
print(json.dumps({"size": o.size, "channels": o.channels, "batch": o.batch, "threads": torch.get_num_threads(), "steps": o.steps,
                  "median_ms": 1e3 * median, "min_ms": 1e3 * min(taken),
                  "min_cpu_ms": 1e3 * min(cpu[o.warm_up:]), "first_ms": 1e3 * first,
                  "images_per_second": o.batch / median, "peak_rss_mib": peak / 1024}))
