"""Mixed precision in PyTorch, emulated: what is stored as fp16 or bf16 is rounded to it, arithmetic stays in the network's own type.

Stored so: images, working copies of the backbone's convolution weights, convolution outputs, and what a batch norm with its residual and ReLU puts out; of each also the gradient,
multiplied by the loss scale. Weight gradients, statistics, the head and the loss are not.
"""
import torch
from torch import nn

# By --precision: the storage, and the loss scale.
STORAGE = {"amp": (torch.float16, 1024), "bf16": (torch.bfloat16, 1)}


def rounded(value, storage):
    return value.to(storage).to(value.dtype)


class Stored(torch.autograd.Function):
    """A value as 16 bits hold it, and its scaled gradient as they hold it."""

    @staticmethod
    def forward(context, value, storage, scale):
        context.storage, context.scale = storage, scale
        return rounded(value, storage)

    @staticmethod
    def backward(context, gradient):
        return rounded(gradient * context.scale, context.storage) / context.scale, None, None


class WorkingCopy(torch.autograd.Function):
    """A weight as its copy of 16 bits holds it; its gradient is not rounded."""

    @staticmethod
    def forward(context, weight, storage):
        return rounded(weight, storage)

    @staticmethod
    def backward(context, gradient):
        return gradient, None


def emulate(network, precision):
    """Makes a Network of networks.py round what a precision of STORAGE stores."""
    storage, scale = STORAGE[precision]
    network.register_forward_pre_hook(lambda _, inputs: (rounded(inputs[0], storage),))
    for name, module in network.named_modules():
        if name.startswith(("projector", "clip", "fc")):
            continue
        if isinstance(module, nn.Conv2d):
            module.forward = lambda x, conv=module: Stored.apply(conv._conv_forward(x, WorkingCopy.apply(conv.weight, storage), None), storage, scale)
        elif isinstance(module, nn.ReLU) or name.endswith("downsample.1"):
            module.register_forward_hook(lambda _, inputs, output: Stored.apply(output, storage, scale))
