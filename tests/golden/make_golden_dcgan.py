#!/usr/bin/env python3
"""Writes tests/golden/dcgan.txt: ten steps of PyTorch's DCGAN example, small and in float64.

Weights, images and noise come from an integer generator as dyadic rationals, which tests/test_golden_dcgan.c draws in the same
order; so only what training makes of them is kept: the losses, and the last state. A tensor is `NAME RANK EXTENT…` and a line
of hexadecimal numbers. Made with torch 1.13.
"""
import os
import torch
from torch import nn

torch.set_default_dtype(torch.float64)
torch.set_num_threads(1)
STEPS, BATCH, NZ, NGF, NDF, NC = 10, 4, 8, 4, 4, 1
state = 1


def draw(*shape):
    """Uniform multiples of 2⁻¹⁵ in [−1, 1): Knuth's MMIX generator, 16 high bits a number."""
    global state
    numbers = []
    for _ in range(torch.Size(shape).numel()):
        state = (state * 6364136223846793005 + 1442695040888963407) % 2 ** 64
        numbers.append(((state >> 48) - 32768) / 32768)
    return torch.tensor(numbers).reshape(shape)


net_g = nn.Sequential(
    nn.ConvTranspose2d(NZ, NGF * 4, 4, 1, 0, bias=False), nn.BatchNorm2d(NGF * 4), nn.ReLU(True),
    nn.ConvTranspose2d(NGF * 4, NGF * 2, 4, 2, 1, bias=False), nn.BatchNorm2d(NGF * 2), nn.ReLU(True),
    nn.ConvTranspose2d(NGF * 2, NGF, 4, 2, 1, bias=False), nn.BatchNorm2d(NGF), nn.ReLU(True),
    nn.ConvTranspose2d(NGF, NC, 4, 2, 1, bias=False), nn.Tanh())
net_d = nn.Sequential(
    nn.Conv2d(NC, NDF, 4, 2, 1, bias=False), nn.LeakyReLU(0.2, inplace=True),
    nn.Conv2d(NDF, NDF * 2, 4, 2, 1, bias=False), nn.BatchNorm2d(NDF * 2), nn.LeakyReLU(0.2, inplace=True),
    nn.Conv2d(NDF * 2, NDF * 4, 4, 2, 1, bias=False), nn.BatchNorm2d(NDF * 4), nn.LeakyReLU(0.2, inplace=True),
    nn.Conv2d(NDF * 4, 1, 4, 1, 0, bias=False), nn.Sigmoid())
with torch.no_grad():
    for net in net_g, net_d:
        for name, p in net.named_parameters():
            p.copy_(draw(*p.shape) / 8 + (1 if p.dim() == 1 and name.endswith('weight') else 0))

criterion = nn.BCELoss()
optimizer_d = torch.optim.Adam(net_d.parameters(), lr=2e-4, betas=(0.5, 0.999))
optimizer_g = torch.optim.Adam(net_g.parameters(), lr=2e-4, betas=(0.5, 0.999))
losses = []
for step in range(STEPS):
    # (1) Update D: maximize log(D(x)) + log(1 - D(G(z)))
    net_d.zero_grad()
    real = draw(BATCH, NC, 32, 32)
    label = torch.ones(BATCH)
    loss_real = criterion(net_d(real).view(-1, 1).squeeze(1), label)
    loss_real.backward()
    noise = draw(BATCH, NZ, 1, 1)
    fake = net_g(noise)
    label.fill_(0)
    loss_fake = criterion(net_d(fake.detach()).view(-1, 1).squeeze(1), label)
    loss_fake.backward()
    optimizer_d.step()
    # (2) Update G: maximize log(D(G(z)))
    net_g.zero_grad()
    label.fill_(1)
    loss_g = criterion(net_d(fake).view(-1, 1).squeeze(1), label)
    loss_g.backward()
    optimizer_g.step()
    losses.append([loss_real.item(), loss_fake.item(), loss_g.item()])

with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), 'dcgan.txt'), 'w') as file:
    tensors = [('losses', torch.tensor(losses))]
    tensors += [('G.' + name, tensor) for name, tensor in net_g.state_dict().items()]
    tensors += [('D.' + name, tensor) for name, tensor in net_d.state_dict().items()]
    for name, tensor in tensors:
        file.write(' '.join(map(str, [name, tensor.dim(), *tensor.shape])) + '\n')
        file.write(' '.join(float(v).hex() for v in tensor.reshape(-1).tolist()) + '\n')
