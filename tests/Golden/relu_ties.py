"""
ReLU inputs so close to zero that rounding decides whether the gradient passes. One such decision taken the other way changes a bias's gradient by 1 / sqrt(its
number of terms) of itself, whatever the precision of the arithmetic: 4e-3 for 65,536 terms. Here float64 takes the decisions that the compared run took.
"""
import numpy as np
import torch
from torch import nn

import parity

# Of float32 rounding after tens of layers, for inputs of the order of 1; nothing further from zero is ever decided otherwise.
TIE = 2e-5
# Below this share of a bias's gradient a decision makes no difference that could be told from rounding.
NOISE = 1e-5


class Call:
    """One application of a ReLU: the batch norm before it, its near-ties [(place, input)], and the gradients that arrive there."""

    def __init__(self, norm, shape, places, inputs):
        self.norm, self.shape, self.places, self.inputs, self.gradients = norm, shape, places, inputs, None

    def channel(self, place):
        return int(np.unravel_index(place, self.shape)[1])


class Ties:
    """Replaces a network's ReLUs; flipped holds (call, place) of the decisions taken against the sign."""

    def __init__(self):
        self.flipped, self.calls, self.norm = {}, [], None

    def prepare(self, network):
        self.calls = []
        for name, module in list(network.named_modules()):
            if isinstance(module, (nn.BatchNorm1d, nn.BatchNorm2d)):
                module.register_forward_hook(lambda *_, name=name: setattr(self, "norm", name))
            elif isinstance(module, nn.ReLU):
                module.forward = self.relu

    def relu(self, x):
        flat, open_ = x.detach().flatten(), x.detach() > 0
        places = torch.nonzero(flat.abs() < TIE).flatten()
        index = len(self.calls)
        call = Call(self.norm, x.shape, places.tolist(), flat[places].tolist())
        self.calls.append(call)
        for place in (p for c, p in self.flipped if c == index):
            open_.view(-1)[place] ^= True
        y = x * open_
        y.register_hook(lambda g: setattr(call, "gradients", g.flatten()[places].tolist()))
        return y

    def settle(self, index, actual, expected):
        """Flips what explains the bias gradients of the call's batch norm; True where anything was."""
        call = self.calls[index]
        name = f"grad.{call.norm}.bias"
        left = actual[name].astype(np.float64) - expected[name]
        noise = NOISE * np.linalg.norm(expected[name])
        found = False
        for place, value, gradient in sorted(zip(call.places, call.inputs, call.gradients), key=lambda tie: abs(tie[1])):
            change = -gradient if value > 0 else gradient
            channel = call.channel(place)
            if abs(gradient) > noise and abs(left[channel] - change) < 0.5 * abs(left[channel]):
                left[channel] -= change
                self.flipped[index, place] = value
                found = True
        return found


def settle(weights, batch, options, actual):
    """(float64's results with the actual run's decisions, the inputs of the decisions that differ). Goes from the last ReLU to the first, as gradients do."""
    ties = Ties()
    expected = parity.run(weights, batch, options, torch.float64, ties.prepare)
    for index in reversed(range(len(ties.calls))):
        if ties.settle(index, actual, expected):
            expected = parity.run(weights, batch, options, torch.float64, ties.prepare)
    return expected, list(ties.flipped.values())
