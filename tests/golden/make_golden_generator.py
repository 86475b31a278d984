#!/usr/bin/env python3
"""Writes tests/golden/generator.safetensors, the state dict of a small generator of PyTorch's DCGAN example, and generator.txt, noise and
the images that PyTorch makes of it in evaluation mode. Running statistics are those of five training passes. Made with torch 1.13.
"""
import json
import os
import struct
import torch
from torch import nn

torch.manual_seed(1)
torch.set_num_threads(1)
NZ, NGF, NC = 6, 4, 3
folder = os.path.dirname(os.path.abspath(__file__))


class Generator(nn.Module):
    def __init__(self):
        super().__init__()
        self.main = nn.Sequential(
            nn.ConvTranspose2d(NZ, NGF * 2, 4, 1, 0, bias=False), nn.BatchNorm2d(NGF * 2), nn.ReLU(True),
            nn.ConvTranspose2d(NGF * 2, NGF, 4, 2, 1, bias=False), nn.BatchNorm2d(NGF), nn.ReLU(True),
            nn.ConvTranspose2d(NGF, NC, 4, 2, 1, bias=False), nn.Tanh())


net = Generator()
with torch.no_grad():
    for name, p in net.named_parameters():
        p.copy_(torch.randn(p.shape) * 0.3 + (1 if p.dim() == 1 and name.endswith('weight') else 0))
    for _ in range(5):
        net.main(torch.randn(8, NZ, 1, 1))
    noise = torch.randn(4, NZ, 1, 1)
    images = net.eval().main(noise)

header, data = {}, b''
for name, tensor in net.state_dict().items():
    dtype = {torch.float32: 'F32', torch.int64: 'I64'}[tensor.dtype]
    raw = tensor.numpy().tobytes()
    header[name] = {'dtype': dtype, 'shape': list(tensor.shape), 'data_offsets': [len(data), len(data) + len(raw)]}
    data += raw
text = json.dumps(header).encode()
text += b' ' * (-len(text) % 8)
with open(os.path.join(folder, 'generator.safetensors'), 'wb') as file:
    file.write(struct.pack('<Q', len(text)) + text + data)
with open(os.path.join(folder, 'generator.txt'), 'w') as file:
    for name, tensor in ('noise', noise), ('images', images):
        file.write(' '.join(map(str, [name, tensor.dim(), *tensor.shape])) + '\n')
        file.write(' '.join(float(v).hex() for v in tensor.reshape(-1).tolist()) + '\n')
