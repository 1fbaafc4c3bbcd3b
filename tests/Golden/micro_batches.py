"""Micro-batches in PyTorch: nothing but batch norm couples the rows of a network, so a forward pass whose batch norms see a micro-batch at a time is that of one micro-batch after another.

Rows are view 1 of all N samples, then view 2; a micro-batch has both views of its samples.
"""
import torch
from torch import nn


def rows(samples, size):
    """The rows of each micro-batch of `size` samples."""
    assert samples % size == 0, f"micro-batches of {size} do not divide {samples} samples"
    return [torch.cat([torch.arange(first, first + size) + view * samples for view in (0, 1)]) for first in range(0, samples, size)]


def normalise_apart(network, size):
    """Makes every batch norm of a network normalise micro-batches by themselves, and move its running statistics by one after another."""
    for module in network.modules():
        if isinstance(module, (nn.BatchNorm1d, nn.BatchNorm2d)):
            module.forward = lambda x, norm=type(module).forward, self=module: apart(lambda part: norm(self, part), x, size)


def apart(function, x, size):
    parts = rows(len(x) // 2, size)
    return torch.cat([function(x[part]) for part in parts])[torch.cat(parts).argsort()]
