"""Mixed precision in PyTorch, emulated: what is stored as fp16 is rounded to it, arithmetic stays in the network's own type.

Stored as fp16: images, working copies of the backbone's convolution weights, convolution outputs, and what a batch norm with its residual and ReLU puts out; of each also the gradient,
multiplied by the loss scale. Weight gradients, statistics, the head and the loss are not.
"""
import torch
from torch import nn

LOSS_SCALE = 1024


class Stored(torch.autograd.Function):
    """A value as fp16 holds it, and its scaled gradient as fp16 holds it."""

    @staticmethod
    def forward(context, value):
        return value.half().to(value.dtype)

    @staticmethod
    def backward(context, gradient):
        return (gradient * LOSS_SCALE).half().to(gradient.dtype) / LOSS_SCALE


class WorkingCopy(torch.autograd.Function):
    """A weight as its fp16 copy holds it; its gradient is not rounded."""

    @staticmethod
    def forward(context, weight):
        return weight.half().to(weight.dtype)

    @staticmethod
    def backward(context, gradient):
        return gradient


def emulate(network):
    """Makes a Network of networks.py round what mixed precision stores."""
    network.register_forward_pre_hook(lambda _, inputs: (inputs[0].half().to(inputs[0].dtype),))
    for name, module in network.named_modules():
        if name.startswith(("projector", "clip", "fc")):
            continue
        if isinstance(module, nn.Conv2d):
            module.forward = lambda x, conv=module: Stored.apply(conv._conv_forward(x, WorkingCopy.apply(conv.weight), None))
        elif isinstance(module, nn.ReLU) or name.endswith("downsample.1"):
            module.register_forward_hook(lambda _, inputs, output: Stored.apply(output))
