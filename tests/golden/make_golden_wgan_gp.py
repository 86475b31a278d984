#!/usr/bin/env python3
"""Writes tests/golden/wgan_gp.txt: the gradient penalty of a small critic, its gradients, and two steps of WGAN-GP, in float64.

Numbers come from the integer generator of make_golden_dcgan.py, in the order in which tests/test_wgan_gp.c draws them: the critic,
the generator, then real, noise and mix of each critic step, and the generator's noise. Made with torch 1.13.
"""
import os
import torch
from torch import nn

torch.set_default_dtype(torch.float64)
torch.set_num_threads(1)
STEPS, CRITIC_STEPS, BATCH, NZ, WIDTH, LAMBDA = 2, 5, 3, 5, 3, 10
state = 1


def draw(*shape):
    """Uniform multiples of 2⁻¹⁵ in [−1, 1): Knuth's MMIX generator, 16 high bits a number."""
    global state
    numbers = []
    for _ in range(torch.Size(shape).numel()):
        state = (state * 6364136223846793005 + 1442695040888963407) % 2 ** 64
        numbers.append(((state >> 48) - 32768) / 32768)
    return torch.tensor(numbers).reshape(shape)


critic = nn.Sequential(
    nn.Conv2d(1, WIDTH, 4, 2, 1, bias=False), nn.LeakyReLU(0.2),
    nn.Conv2d(WIDTH, WIDTH * 2, 4, 2, 1, bias=False), nn.GroupNorm(1, WIDTH * 2), nn.LeakyReLU(0.2),
    nn.Conv2d(WIDTH * 2, 1, 4, 1, 0, bias=False))
generator = nn.Sequential(
    nn.ConvTranspose2d(NZ, WIDTH * 2, 4, 1, 0, bias=False), nn.BatchNorm2d(WIDTH * 2), nn.ReLU(),
    nn.ConvTranspose2d(WIDTH * 2, WIDTH, 4, 2, 1, bias=False), nn.BatchNorm2d(WIDTH), nn.ReLU(),
    nn.ConvTranspose2d(WIDTH, 1, 4, 2, 1, bias=False), nn.Tanh())
with torch.no_grad():
    for net in critic, generator:
        for name, p in net.named_parameters():
            p.copy_(draw(*p.shape) / 4 + (1 if p.dim() == 1 and name.endswith('weight') else 0))


def gradient_penalty(real, fake, mix):
    between = (mix * real + (1 - mix) * fake).requires_grad_(True)
    gradient, = torch.autograd.grad(critic(between).sum(), between, create_graph=True)
    return LAMBDA * ((gradient.reshape(BATCH, -1).norm(2, dim=1) - 1) ** 2).mean()


def batch():
    return draw(BATCH, 1, 16, 16), draw(BATCH, NZ, 1, 1), (draw(BATCH, 1, 1, 1) + 1) / 2


file = open(os.path.join(os.path.dirname(os.path.abspath(__file__)), 'wgan_gp.txt'), 'w')


def write(name, tensor):
    file.write(' '.join(map(str, [name, tensor.dim(), *tensor.shape])) + '\n')
    file.write(' '.join(float(v).hex() for v in tensor.detach().reshape(-1).tolist()) + '\n')


# The penalty alone, between two batches of noise.
penalty = gradient_penalty(draw(BATCH, 1, 16, 16), draw(BATCH, 1, 16, 16), (draw(BATCH, 1, 1, 1) + 1) / 2)
write('penalty', penalty)
for name, p in critic.named_parameters():
    gradient, = torch.autograd.grad(penalty, p, retain_graph=True, allow_unused=True)
    write('gradient.' + name, torch.zeros_like(p) if gradient is None else gradient)

optimizer_d = torch.optim.Adam(critic.parameters(), lr=1e-4, betas=(0, 0.9))
optimizer_g = torch.optim.Adam(generator.parameters(), lr=1e-4, betas=(0, 0.9))
losses = []
for step in range(STEPS):
    for _ in range(CRITIC_STEPS):
        real, noise, mix = batch()
        with torch.no_grad():
            fake = generator(noise)
        penalty = gradient_penalty(real, fake, mix)
        loss_d = critic(fake).mean() - critic(real).mean() + penalty
        optimizer_d.zero_grad()
        loss_d.backward()
        optimizer_d.step()
    loss_g = -critic(generator(draw(BATCH, NZ, 1, 1))).mean()
    optimizer_g.zero_grad()
    loss_g.backward()
    optimizer_g.step()
    losses.append([loss_d.item(), penalty.item(), loss_g.item()])
write('losses', torch.tensor(losses))
for prefix, net in ('G.', generator), ('D.', critic):
    for name, tensor in net.state_dict().items():
        write(prefix + name, tensor)
file.close()
