#!/usr/bin/env python3
"""Writes the golden values of tests/test_golden_*.c by PyTorch in float64: tests/golden/<family>.txt.

A case is `case NAME`, then tensors: `ROLE INDEX RANK EXTENT…` and a line of hexadecimal numbers. Roles: `var` an input that
gets a gradient, `in` one that does not, `out` the result, `cot` its cotangent, `grad` input INDEX's gradient, `after` input
INDEX's value afterwards. Made with torch 1.13.
"""
import os
import torch
import torch.nn.functional as F

FOLDER = os.path.dirname(os.path.abspath(__file__))
torch.set_default_dtype(torch.float64)
torch.set_num_threads(1)
generator = torch.Generator().manual_seed(1)
file = None


def normal(*shape):  # short numbers: multiples of 1/256
    return torch.round(torch.randn(shape, generator=generator) * 256) / 256


def positive(*shape):
    return normal(*shape).abs() + 0.25


def unit(*shape):  # inside (0, 1)
    return (torch.floor(torch.rand(shape, generator=generator) * 254) + 1) / 256


def classes(count, *shape):
    return torch.randint(0, count, shape, generator=generator).double()


def number(value):
    text = float(value).hex()
    mantissa, exponent = text.split('p')
    return (mantissa.rstrip('0').rstrip('.') if '.' in mantissa else mantissa) + 'p' + exponent


def write(role, index, tensor):
    file.write(' '.join(map(str, [role, index, tensor.dim(), *tensor.shape])) + '\n')
    file.write(' '.join(number(v) for v in tensor.detach().reshape(-1).tolist()) + '\n')


def case(name, function, *inputs, fixed=(), after=()):
    """fixed: the inputs without a gradient; after: the inputs that change in place."""
    file.write(f'case {name}\n')
    inputs = [x.detach().clone() for x in inputs]
    for i, x in enumerate(inputs):
        write('in' if i in fixed else 'var', i, x)
        x.requires_grad_(i not in fixed)
    out = function(*inputs)
    cotangent = normal(*out.shape)
    variables = [i for i in range(len(inputs)) if i not in fixed]
    gradients = torch.autograd.grad(out, [inputs[i] for i in variables], cotangent, allow_unused=True)
    write('out', 0, out)
    write('cot', 0, cotangent)
    for i, gradient in zip(variables, gradients):
        write('grad', i, torch.zeros_like(inputs[i]) if gradient is None else gradient)
    for i in after:
        write('after', i, inputs[i])


def adjoint(function, *shape):
    """The transpose of a linear function of a tensor of that shape."""
    def transposed(y, *rest):
        x = torch.zeros(shape, requires_grad=True)
        return torch.autograd.grad(function(x, *rest), x, y, create_graph=True)[0]
    return transposed


def elementwise():
    for name in 'add', 'sub', 'mul', 'div', 'maximum', 'minimum':
        op = getattr(torch, name)
        case(name, op, normal(2, 3), positive(2, 3))
        case(name + '_broadcast', op, normal(2, 1, 3), positive(4, 1))
        case(name + '_rank0', op, normal(2, 3), positive())
    tie = torch.tensor([1., 2, -3, 0])
    case('maximum_ties', torch.maximum, tie, torch.tensor([1., 3, -3, -1]))
    case('minimum_ties', torch.minimum, tie, torch.tensor([1., 3, -3, -1]))
    case('mul_itself', lambda x: x * x, normal(3, 2))
    for name in 'neg', 'square', 'exp', 'abs', 'sign', 'erf', 'relu', 'sigmoid', 'tanh':
        case(name, getattr(torch, name), torch.cat([normal(10), torch.zeros(1), torch.tensor([3., -3])]))
    case('gelu', F.gelu, normal(12))
    for name in 'sqrt', 'log':
        case(name, getattr(torch, name), positive(3, 4))
    case('scale', lambda x: -1.75 * x, normal(2, 3))
    case('add_scalar', lambda x: x + 0.375, normal(2, 3))
    case('pow_3', lambda x: x ** 3, normal(7))
    case('pow_half', lambda x: x ** -1.5, positive(7))
    case('clamp', lambda x: x.clamp(-0.5, 0.75), torch.cat([normal(9), torch.tensor([-0.5, 0.75])]))
    case('leaky_relu', lambda x: F.leaky_relu(x, 0.2), torch.cat([normal(9), torch.zeros(1)]))
    case('elu', lambda x: F.elu(x, 1.0), normal(9))
    case('elu_alpha', lambda x: F.elu(x, 0.3), normal(9))
    case('softplus', lambda x: F.softplus(x), torch.cat([normal(9), torch.tensor([25., -25])]))
    case('softplus_beta', lambda x: F.softplus(x, 2.5, 3.0), normal(12))
    case('sum', torch.sum, normal(3, 4))
    case('sum_of_scalar', torch.sum, normal())
    case('mean', torch.mean, normal(3, 4))
    case('max', torch.amax, torch.tensor([[1., 5], [5, 2]]))
    case('min', torch.amin, torch.tensor([[1., 5], [5, 1]]))
    case('sum_axes', lambda x: x.sum((0, 2)), normal(2, 3, 4))
    case('sum_axes_keepdim', lambda x: x.sum(-2, keepdim=True), normal(2, 3, 4))
    case('mean_axes', lambda x: x.mean((1, 2)), normal(2, 3, 4))
    case('mean_axes_keepdim', lambda x: x.mean((0, 2), keepdim=True), normal(2, 3, 4))
    case('var_axes', lambda x: x.var((0, 2), unbiased=True), normal(2, 3, 4))
    case('var_axes_biased', lambda x: x.var((1,), unbiased=False, keepdim=True), normal(2, 3, 4))
    case('max_axes', lambda x: x.amax((0, 2)), torch.round(2 * normal(2, 3, 4)))
    case('min_axes_keepdim', lambda x: x.amin((1,), keepdim=True), torch.round(2 * normal(2, 3, 4)))
    case('expand', lambda x: x.expand(2, 4, 3), normal(4, 1))
    case('sum_to', lambda x: x.sum_to_size(3, 1), normal(2, 3, 4))
    case('dropout_eval', lambda x: F.dropout(x, 0.5, False), normal(2, 3))
    case('softmax', lambda x: F.softmax(x, 1), normal(2, 5))
    case('softmax_first', lambda x: F.softmax(x, 0), normal(3, 2, 2) * 8)
    case('softmax_middle', lambda x: F.softmax(x, -2), normal(2, 3, 2) + 100)
    case('log_softmax', lambda x: F.log_softmax(x, 1), normal(2, 5))
    case('log_softmax_first', lambda x: F.log_softmax(x, 0), normal(3, 2, 2) * 8)
    case('detach', lambda x: (x * x).detach() * x, normal(5))


def move():
    case('reshape', lambda x: x.reshape(4, -1), normal(2, 3, 4))
    case('flatten', lambda x: x.flatten(1, -1), normal(2, 3, 4))
    case('flatten_middle', lambda x: x.flatten(1, 2), normal(2, 3, 2, 2))
    case('permute', lambda x: x.permute(2, 0, 3, 1), normal(2, 3, 4, 2))
    case('transpose', lambda x: x.transpose(0, -1), normal(2, 3, 4))
    case('concat', lambda *x: torch.cat(x, 1), normal(2, 1, 3), normal(2, 2, 3), normal(2, 3, 3))
    case('concat_itself', lambda x: torch.cat([x, x], -1), normal(2, 3))
    case('slice', lambda x: x[:, 1:6:2], normal(2, 7))
    case('slice_negative', lambda x: x[-3:-1], normal(5, 2))
    case('slice_adjoint', adjoint(lambda x: x[:, 1:6:2], 2, 7), normal(2, 3))
    case('flip', lambda x: x.flip((0, 2)), normal(2, 3, 4))
    case('pad_zeros', lambda x: F.pad(x, (1, 2, 0, 3)), normal(2, 3, 4))
    case('pad_crop', lambda x: F.pad(x, (-1, 2, 1, -2)), normal(2, 3, 4))
    for mode in 'reflect', 'replicate', 'circular':
        pad = lambda x: F.pad(x, (2, 1, 1, 2), mode=mode)
        case('pad_' + mode, pad, normal(1, 2, 3, 4))
        case('pad_adjoint_' + mode, adjoint(pad, 1, 2, 3, 4), normal(1, 2, 6, 7))
        case('pad_' + mode + '_1d', lambda x: F.pad(x, (2, 2), mode=mode), normal(2, 1, 3))
    case('pad_adjoint_zeros', adjoint(lambda x: F.pad(x, (1, 2, 0, 3)), 2, 3, 4), normal(2, 6, 7))
    case('gather', lambda x, i: x.gather(1, i.long()), normal(2, 3, 2), classes(3, 2, 4, 2), fixed=[1])
    case('gather_adjoint', adjoint(lambda x, i: x.gather(1, i.long()), 2, 3, 2), normal(2, 4, 2), classes(3, 2, 4, 2), fixed=[1])
    case('matmul', torch.matmul, normal(3, 4), normal(4, 2))
    case('matmul_ta', lambda a, b: a.transpose(-1, -2) @ b, normal(4, 3), normal(4, 2))
    case('matmul_tb', lambda a, b: a @ b.transpose(-1, -2), normal(3, 4), normal(2, 4))
    case('matmul_tatb', lambda a, b: a.transpose(-1, -2) @ b.transpose(-1, -2), normal(4, 3), normal(2, 4))
    case('matmul_batch', torch.matmul, normal(2, 3, 4), normal(2, 4, 2))
    case('matmul_broadcast', torch.matmul, normal(2, 1, 3, 4), normal(3, 4, 2))
    case('matmul_broadcast_tb', lambda a, b: a @ b.transpose(-1, -2), normal(3, 4), normal(2, 2, 4))
    case('linear', F.linear, normal(3, 4), normal(2, 4), normal(2))
    case('linear_3d', F.linear, normal(2, 3, 4), normal(2, 4), normal(2))
    case('linear_vector', F.linear, normal(4), normal(2, 4), normal(2))
    case('linear_no_bias', F.linear, normal(3, 4), normal(2, 4))


def conv():
    for rank in 1, 2, 3:
        c = getattr(F, f'conv{rank}d')
        t = getattr(F, f'conv_transpose{rank}d')
        size, kernel, out = (6, 5, 4)[3 - rank:], (3, 2, 3)[3 - rank:], (3, 4, 2)[3 - rank:]
        case(f'conv{rank}d', c, normal(2, 2, *size), normal(3, 2, *kernel), normal(3))
        case(f'conv{rank}d_unbatched', c, normal(2, *size), normal(3, 2, *kernel), normal(3))
        case(f'conv{rank}d_options', lambda x, w, b: c(x, w, b, stride=2, padding=1, dilation=(2, 1, 1)[:rank], groups=2),
             normal(2, 4, *size), normal(2, 2, *kernel), normal(2))
        case(f'conv{rank}d_depthwise', lambda x, w: c(x, w, None, stride=(2, 1, 2)[:rank], padding=(0, 1, 1)[:rank], groups=3),
             normal(2, 3, *size), normal(6, 1, *kernel))
        case(f'conv_transpose{rank}d', t, normal(2, 2, *out), normal(2, 3, *kernel), normal(3))
        case(f'conv_transpose{rank}d_unbatched', t, normal(2, *out), normal(2, 3, *kernel), normal(3))
        case(f'conv_transpose{rank}d_options',
             lambda y, w, b: t(y, w, b, stride=(3, 2, 2)[:rank], padding=1, output_padding=1, dilation=(1, 2, 1)[:rank], groups=2),
             normal(2, 4, *out), normal(4, 1, *kernel), normal(2))
        case(f'conv_transpose{rank}d_depthwise', lambda y, w: t(y, w, None, stride=2, padding=(0, 1, 1)[:rank], groups=3),
             normal(1, 3, *out), normal(3, 2, *kernel))
        weight = [s for s in (4, 3, 3)[:rank]]
        case(f'conv{rank}d_same', lambda x, w: c(x, w, None, padding='same'), normal(1, 2, *size), normal(2, 2, *weight))
    case('conv2d_1x1', F.conv2d, normal(2, 3, 4, 4), normal(2, 3, 1, 1))
    case('conv2d_dcgan', lambda x, w: F.conv2d(x, w, None, 2, 1), normal(2, 3, 8, 8), normal(4, 3, 4, 4))
    case('conv2d_whole', F.conv2d, normal(2, 3, 4, 4), normal(1, 3, 4, 4))
    case('conv2d_3x3', lambda x, w: F.conv2d(x, w, None, 1, 1), normal(2, 3, 7, 9), normal(2, 3, 3, 3))
    case('conv_transpose2d_dcgan', lambda y, w: F.conv_transpose2d(y, w, None, 2, 1), normal(2, 4, 4, 4), normal(4, 3, 4, 4))
    case('conv_transpose2d_project', F.conv_transpose2d, normal(2, 5, 1, 1), normal(5, 3, 4, 4))
    case('conv_transpose2d_output_size', lambda y, w: F.conv_transpose2d(y, w, None, 3, 1, output_padding=(2, 0)),
         normal(1, 2, 3, 4), normal(2, 2, 3, 3))
    case('conv_transpose2d_dilation_padding', lambda y, w: F.conv_transpose2d(y, w, None, 1, 1, output_padding=1, dilation=2),
         normal(1, 2, 3, 4), normal(2, 2, 3, 3))
    case('conv2d_asymmetric', lambda x, w: F.conv2d(F.pad(x, (0, 2, 1, 0)), w, None, 2),
         normal(1, 2, 5, 5), normal(2, 2, 3, 3))
    for mode in 'reflect', 'replicate', 'circular':
        padded = lambda x, w: F.conv2d(F.pad(x, (1, 1, 2, 2), mode=mode), w)
        case('conv2d_' + mode, padded, normal(1, 2, 4, 5), normal(2, 2, 3, 3))
        case('conv_transpose2d_' + mode, adjoint(padded, 1, 2, 4, 5), normal(1, 2, 6, 5), normal(2, 2, 3, 3))

    def weight_of(x, y):
        w = torch.zeros(4, 2, 3, 2, requires_grad=True)
        return torch.autograd.grad(F.conv2d(x, w, None, (2, 1), 1, (1, 2), 2), w, y, create_graph=True)[0]
    case('conv_weight', weight_of, normal(2, 4, 5, 4), normal(2, 4, 3, 4))


def norm():
    for shape, name in ((4, 3), '0d'), ((3, 2, 4), '1d'), ((2, 3, 2, 3), '2d'), ((2, 2, 2, 2, 2), '3d'):
        channels = shape[1]
        inputs = normal(*shape), normal(channels), positive(channels), normal(channels), normal(channels)
        case(f'batch_norm_{name}_train', lambda x, m, v, w, b: F.batch_norm(x, m, v, w, b, True, 0.1, 1e-5), *inputs,
             fixed=[1, 2], after=[1, 2])
        case(f'batch_norm_{name}_eval', lambda x, m, v, w, b: F.batch_norm(x, m, v, w, b, False, 0.1, 1e-5), *inputs,
             fixed=[1, 2], after=[1, 2])
    case('batch_norm_plain', lambda x: F.batch_norm(x, None, None, None, None, True), normal(3, 2, 4))
    case('batch_norm_momentum', lambda x, m, v: F.batch_norm(x, m, v, None, None, True, 0.75, 1e-2),
         normal(3, 2, 4), normal(2), positive(2), fixed=[1, 2], after=[1, 2])
    case('layer_norm', lambda x, w, b: F.layer_norm(x, (5,), w, b, 1e-5), normal(2, 3, 5), normal(5), normal(5))
    case('layer_norm_2', lambda x, w, b: F.layer_norm(x, (3, 4), w, b, 1e-5), normal(2, 3, 4), normal(3, 4), normal(3, 4))
    case('layer_norm_plain', lambda x: F.layer_norm(x, (5,)), normal(2, 5))
    case('instance_norm', lambda x, w, b: F.instance_norm(x, weight=w, bias=b), normal(2, 3, 2, 3), normal(3), normal(3))
    case('instance_norm_plain', lambda x: F.instance_norm(x), normal(2, 3, 5))
    case('group_norm', lambda x, w, b: F.group_norm(x, 2, w, b), normal(2, 4, 3), normal(4), normal(4))
    case('group_norm_one', lambda x, w, b: F.group_norm(x, 1, w, b), normal(2, 4, 2, 2), normal(4), normal(4))
    case('group_norm_plain', lambda x: F.group_norm(x, 3), normal(2, 6, 2, 2))


def loss():
    for reduction in 'mean', 'sum', 'none':
        case('mse_' + reduction, lambda x, t: F.mse_loss(x, t, reduction=reduction), normal(3, 4), normal(3, 4))
        case('l1_' + reduction, lambda x, t: F.l1_loss(x, t, reduction=reduction), normal(3, 4), normal(3, 4))
        case('smooth_l1_' + reduction, lambda x, t: F.smooth_l1_loss(x, t, reduction=reduction), normal(3, 4), normal(3, 4))
        case('bce_' + reduction, lambda x, t: F.binary_cross_entropy(x, t, reduction=reduction), unit(3, 4), unit(3, 4),
             fixed=[1])
        case('bce_with_logits_' + reduction, lambda x, t: F.binary_cross_entropy_with_logits(x, t, reduction=reduction),
             3 * normal(3, 4), unit(3, 4), fixed=[1])
        target = classes(4, 5)
        target[2] = -100
        case('nll_' + reduction, lambda x, t, w: F.nll_loss(x, t.long(), w, reduction=reduction), normal(5, 4), target,
             positive(4), fixed=[1, 2])
        case('cross_entropy_' + reduction, lambda x, t, w: F.cross_entropy(x, t.long(), w, reduction=reduction),
             normal(5, 4), target, positive(4), fixed=[1, 2])
        case('cross_entropy_probabilities_' + reduction, lambda x, t, w: F.cross_entropy(x, t, w, reduction=reduction),
             normal(3, 4), unit(3, 4), positive(4), fixed=[1, 2])
    case('smooth_l1_beta', lambda x, t: F.smooth_l1_loss(x, t, beta=0.3), normal(3, 4), normal(3, 4))
    case('bce_clamped', lambda x, t: F.binary_cross_entropy(x, t, reduction='none'), torch.tensor([0., 1, 0.5]),
         torch.tensor([0., 1, 1]), fixed=[1])
    case('bce_with_logits_far', lambda x, t: F.binary_cross_entropy_with_logits(x, t, reduction='none'),
         torch.tensor([-800., 800, -40, 40]), torch.tensor([1., 0, 1, 0]), fixed=[1])
    case('nll_spatial', lambda x, t: F.nll_loss(x, t.long()), normal(2, 3, 2, 2), classes(3, 2, 2, 2), fixed=[1])
    case('cross_entropy_spatial', lambda x, t: F.cross_entropy(x, t.long()), normal(2, 3, 2, 2), classes(3, 2, 2, 2), fixed=[1])
    case('cross_entropy_unbatched', lambda x, t: F.cross_entropy(x, t.long()), normal(4), classes(4), fixed=[1])
    case('cross_entropy_probabilities_spatial', lambda x, t: F.cross_entropy(x, t), normal(2, 3, 2), unit(2, 3, 2), fixed=[1])
    # gradients of targets and weights too
    case('bce_target', lambda x, t: F.binary_cross_entropy(x, t), unit(3, 4), unit(3, 4))
    case('bce_with_logits_target', lambda x, t: F.binary_cross_entropy_with_logits(x, t), 3 * normal(3, 4), unit(3, 4))
    case('cross_entropy_target', lambda x, t: F.cross_entropy(x, t), normal(3, 4), unit(3, 4))


def pool():
    for rank in 1, 2, 3:
        m, a = getattr(F, f'max_pool{rank}d'), getattr(F, f'avg_pool{rank}d')
        size = (6, 7, 5)[:rank]
        case(f'max_pool{rank}d', lambda x: m(x, 2), normal(2, 2, *size))
        case(f'max_pool{rank}d_options', lambda x: m(x, 3, stride=2, padding=1, ceil_mode=True), normal(1, 2, *size))
        case(f'max_pool{rank}d_dilation', lambda x: m(x, 2, stride=1, dilation=2), normal(1, 2, *size))
        case(f'max_pool{rank}d_unbatched', lambda x: m(x, 2), normal(2, *size))
        case(f'avg_pool{rank}d', lambda x: a(x, 2), normal(2, 2, *size))
        case(f'avg_pool{rank}d_options', lambda x: a(x, 3, stride=2, padding=1, ceil_mode=True), normal(1, 2, *size))
        case(f'avg_pool{rank}d_exclude_pad', lambda x: a(x, 3, stride=2, padding=1, count_include_pad=False), normal(1, 2, *size))
        case(f'avg_pool{rank}d_unbatched', lambda x: a(x, 2), normal(2, *size))
    case('max_pool2d_ties', lambda x: F.max_pool2d(x, 3, 1), torch.round(normal(1, 1, 5, 5)))
    case('upsample_nearest1d', lambda x: F.interpolate(x, (7,), mode='nearest'), normal(1, 2, 3))
    case('upsample_nearest2d', lambda x: F.interpolate(x, (6, 5), mode='nearest'), normal(1, 2, 3, 4))
    case('upsample_nearest3d', lambda x: F.interpolate(x, (4, 3, 2), mode='nearest'), normal(1, 1, 2, 3, 3))
    for corners in False, True:
        tail = '_corners' if corners else ''
        case('upsample_linear' + tail, lambda x: F.interpolate(x, (7,), mode='linear', align_corners=corners), normal(1, 2, 3))
        case('upsample_bilinear' + tail, lambda x: F.interpolate(x, (6, 3), mode='bilinear', align_corners=corners),
             normal(1, 2, 3, 4))
        case('upsample_trilinear' + tail, lambda x: F.interpolate(x, (4, 3, 5), mode='trilinear', align_corners=corners),
             normal(1, 1, 2, 3, 3))


def recipes():
    """What docs/from-pytorch.md writes with several ops."""
    case('logsigmoid', F.logsigmoid, 8 * normal(12))
    case('silu', F.silu, 3 * normal(12))
    case('relu6', F.relu6, 8 * normal(12))
    case('rsqrt', torch.rsqrt, positive(6))
    case('reciprocal', torch.reciprocal, positive(6))
    case('norm', lambda x: x.norm(dim=1), normal(3, 4))
    case('std', lambda x: x.std(dim=1), normal(3, 4))
    case('logsumexp', lambda x: torch.logsumexp(x, 1, keepdim=True), 300 * normal(3, 4))
    case('where', lambda m, a, b: torch.where(m > 0, a, b), classes(2, 3, 4), normal(3, 4), normal(3, 4), fixed=[0])
    case('stack', lambda a, b: torch.stack([a, b], 1), normal(3, 4), normal(3, 4))
    case('adaptive_avg_pool', lambda x: F.adaptive_avg_pool2d(x, 1), normal(2, 3, 2, 5))
    case('pixel_shuffle', lambda x: F.pixel_shuffle(x, 2), normal(1, 8, 2, 3))
    case('huber', lambda x, t: F.huber_loss(x, t, delta=0.75), normal(3, 4), normal(3, 4))
    labels = torch.tensor([2, 0, 3])
    case('label_smoothing', lambda x, t: F.cross_entropy(x, labels, label_smoothing=0.1), normal(3, 4),
         F.one_hot(labels, 4) * 0.9 + 0.1 / 4, fixed=[1])


for family in elementwise, move, conv, norm, loss, pool, recipes:
    generator.manual_seed(1)
    with open(os.path.join(FOLDER, family.__name__ + '.txt'), 'w') as file:
        family()
