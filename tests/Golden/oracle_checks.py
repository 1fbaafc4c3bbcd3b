"""Checks of the oracle: it must agree with torchvision, torch.optim and the losses' own identities."""
import torch
from torch.nn.functional import cross_entropy, normalize

import losses
from networks import check_against_torchvision
from optimizers import Optimizer


def run():
    for arch in ("resnet18", "resnet34", "resnet50", "resnet101"):
        check_against_torchvision(arch)
    torch.set_default_dtype(torch.float64)
    check_losses()
    check_optimizers()
    torch.set_default_dtype(torch.float32)
    print("the oracle agrees with torchvision, torch.optim and the losses' identities")


def near(actual, expected, what):
    difference = float((actual - expected).abs().max())
    assert difference < 1e-10, f"{what}: {difference}"


def check_losses():
    n, generator = 5, torch.Generator().manual_seed(3)
    z = normalize(torch.randn(2 * n, 7, generator=generator), dim=1)
    labels = torch.tensor([0, 1, 0, 2, 1])
    nt_xent = losses.contrastive(z, losses.targets("simclr", n), 0.1)
    logits = (z @ z.T / 0.1).fill_diagonal_(-torch.inf)
    near(nt_xent, cross_entropy(logits, torch.arange(2 * n).roll(n)), "NT-Xent as a cross-entropy")
    identity = losses.targets("xclr", n, torch.eye(n), tau_s=1e-3)
    near(losses.contrastive(z, identity, 0.1), nt_xent, "X-CLR of an identity similarity, tau_s to 0")
    classes = losses.targets("xclr", n, torch.eye(3)[labels], tau_s=1e-3)
    supcon = losses.targets("supcon", n, labels=labels)
    near(classes, supcon, "X-CLR of class identities is SupCon")
    probe = z.clone().requires_grad_()
    s = losses.targets("xclr", n, torch.randn(n, 4, generator=generator))
    losses.contrastive(probe, s, 0.1).backward()
    p = logits.softmax(dim=1)
    near(probe.grad, ((p - s) + (p - s).T) @ z / (2 * n * 0.1), "the closed form of the gradient")


def check_optimizers():
    generator = torch.Generator().manual_seed(4)
    for nesterov in (False, True):
        compare_with(lambda p: torch.optim.SGD(p, 0.1, 0.9, nesterov=nesterov), Optimizer("sgd", nesterov=nesterov), generator)
    compare_with(lambda p: torch.optim.AdamW(p, 0.1, weight_decay=0.05), Optimizer("adamw", 0.05), generator)
    compare_with(lambda p: torch.optim.SGD(p, 0.1, 0.9, weight_decay=0.05), Optimizer("sgd", 0.05), generator)
    compare_with(lambda p: torch.optim.SGD(p, 0.1, 0.9), Optimizer("sgd", clip_norm=0.5), generator, clip_norm=0.5)


def compare_with(make, ours, generator, clip_norm=None):
    w = torch.randn(4, 3, generator=generator)
    theirs = w.clone().requires_grad_()
    optimizer = make([theirs])
    for _ in range(3):
        theirs.grad = torch.randn(4, 3, generator=generator)
        ours.step({"w": w}, {"w": theirs.grad.clone()}, 0.1)
        if clip_norm is not None:
            torch.nn.utils.clip_grad_norm_([theirs], clip_norm)
        optimizer.step()
    near(w, theirs.detach(), f"{ours.kind} against torch.optim")
