"""
Networks and batches in general position: no ReLU input and no pair of rivals in a max-pool window lies within float32 rounding of the point where the gradient
jumps. Elsewhere float64 and any float32 run are on different sides of a few such points, and their gradients then differ by what no precision could avoid.

Everything else stays random. Pixels are moved until the two largest inputs of every pool window are apart. Then, in one float64 pass, each channel's beta before a
ReLU goes to the middle of the widest gap between that channel's inputs near zero.
"""
import numpy as np
import torch
from torch import nn
from torch.nn import functional

import parity

# How far a beta may move. Inputs of a ReLU are of the order of 1.
WINDOW = 0.05
# The two largest inputs of a pool window are at least this far apart, as a share of the batch norm's root mean square.
POOL_MARGIN = 2e-5
ROUNDS = 50


def settle(weights, batch, options):
    """Moves images and betas in place. Returns {name: margin} as `margins` does."""
    rng = np.random.default_rng(options.seed + 2)
    for _ in range(ROUNDS):
        network = parity.load(weights, options, torch.float64)
        near = torch.nonzero(pool_gaps(network, batch) < POOL_MARGIN)
        if len(near) == 0:
            break
        for row, _, y, x in near.tolist():
            batch["images"][row, :, min(4 * y, options.height - 1), min(4 * x, options.width - 1)] += rng.normal(0, 0.2, 3).astype(np.float32)
    else:
        raise RuntimeError(f"after {ROUNDS} rounds {len(near)} pool windows have two largest inputs within {POOL_MARGIN}")
    moves = {}
    watch(network, lambda name, norm, x: shift(name, norm, x, moves))
    with torch.no_grad():
        network(torch.from_numpy(batch["images"]).double())
    weights.update(moves)
    return margins(weights, batch, options)


def margins(weights, batch, options):
    """`relu_margin`: the smallest distance of a ReLU input from zero; `pool_margin`: of the two largest inputs of a pool window (infinite without a pool).
    Both as shares of the layer's root mean square."""
    network = parity.load(weights, options, torch.float64)
    found = {"relu_margin": np.inf, "pool_margin": pool_gaps(network, batch).min().item()}

    def look(name, norm, x):
        found["relu_margin"] = min(found["relu_margin"], (x.abs().min() / x.square().mean().sqrt()).item())

    watch(network, look)
    with torch.no_grad():
        network(torch.from_numpy(batch["images"]).double())
    return found


def watch(network, visit):
    """Before every ReLU calls visit(name of the batch norm that ran last, that batch norm, the ReLU's input), whose result replaces the input unless it is None."""
    last = {}
    for name, module in network.named_modules():
        if isinstance(module, (nn.BatchNorm1d, nn.BatchNorm2d)):
            module.register_forward_hook(lambda norm, *_, name=name: last.update(norm=(name, norm)))
        elif isinstance(module, nn.ReLU):
            module.inplace = False
            module.register_forward_pre_hook(lambda _, x: visit(*last["norm"], x[0]))


def shift(name, norm, x, moves):
    """Moves the batch norm's beta, as a float32 number, so that x + move keeps away from zero in every channel. Returns x so moved.
    Where a shortcut's batch norm runs last its beta moves: the sum is the same as with the main branch's."""
    beta = norm.bias.detach()
    values = x.transpose(0, 1).flatten(1).sort(dim=1).values
    moved = (beta - widest_gap(values)).float()
    moves[f"{name}.bias"] = moved.numpy()
    return (x + (moved.double() - beta).view(1, -1, *[1] * (x.dim() - 2)),)


def widest_gap(values):
    """The point of [-WINDOW, WINDOW] that is furthest from all values of its row. values: sorted [C,K]; returns [C]."""
    far = torch.full_like(values[:, :1], 4 * WINDOW)
    low = torch.cat([torch.minimum(values[:, :1], -far), values], dim=1)
    high = torch.cat([values, torch.maximum(values[:, -1:], far)], dim=1)
    point = ((low + high) / 2).clamp(-WINDOW, WINDOW)
    widest = torch.minimum(point - low, high - point).argmax(dim=1, keepdim=True)
    return point.gather(1, widest).squeeze(1)


def pool_gaps(network, batch):
    """How far apart the two largest inputs of each pool window are, as a share of the root mean square: [2N,C,H,W]."""
    if not isinstance(network.pool, nn.MaxPool2d):
        return torch.tensor([np.inf])
    with torch.no_grad():
        x = network.bn1(network.conv1(torch.from_numpy(batch["images"]).double()))
    padded = functional.pad(x, (1, 1, 1, 1), value=-np.inf)
    windows = padded.unfold(2, 3, 2).unfold(3, 3, 2).flatten(4)
    first, second = windows.topk(2, dim=4).values.unbind(4)
    return (first - second) / x.square().mean().sqrt()
