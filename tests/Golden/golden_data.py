"""The committed goldens: small networks, losses alone, optimisers alone, augmentations."""
import os

import numpy as np
import torch
from torch.nn.functional import normalize

import augment_golden
import compare
import losses
import parity
import safetensors_io

TINY = "--n 4 --height 37 --width 29 --projection-width 5 --text-width 10"
BASIC, BOTTLENECK = f"--arch tiny-basic --channels 3 {TINY}", f"--arch tiny-bottleneck --channels 2 {TINY}"

# Every loss, optimiser and stem occurs; channels are odd, and the images too. N = 3 leaves rows that fill no tile.
NETWORKS = {
    "basic-xclr-sgd": f"{BASIC} --loss xclr --optimizer sgd --nesterov --lr 0.2 --weight-decay 0.01",
    "basic-supcon-adamw": f"{BASIC} --loss supcon --optimizer adamw --lr 0.01 --weight-decay 0.1 --clip-norm 0.5",
    "basic-small-supcon": f"{BASIC} --stem small --n 3 --height 11 --width 13 --loss supcon --optimizer none",
    "basic-half-xclr": f"{BASIC} --stem half --loss xclr --tau 0.2 --tau-s 0.05 --optimizer none",
    "bottleneck-simclr-lars": f"{BOTTLENECK} --loss simclr --optimizer lars --lr 20 --weight-decay 0.001",
    "bottleneck-clip-lars": f"{BOTTLENECK} --loss clip --optimizer lars --lr 20 --weight-decay 0.001 --clip-norm 1",
    "bottleneck-supervised-sgd": f"{BOTTLENECK} --loss supervised --optimizer sgd --lr 0.2 --weight-decay 0.01",
    "bottleneck-xclr-micro": f"{BOTTLENECK} --loss xclr --micro-batch 2 --optimizer sgd --lr 0.05 --weight-decay 0.01",
    "bottleneck-clip-micro": f"{BOTTLENECK} --loss clip --micro-batch 2 --optimizer adamw --lr 0.01 --clip-norm 0.5",
    "bottleneck-supervised-micro": f"{BOTTLENECK} --loss supervised --micro-batch 1 --optimizer lars --lr 20",
    "bottleneck-eval": f"{BOTTLENECK} --loss xclr --optimizer none --mode eval",
}

OPTIMIZERS = {
    "sgd": "--optimizer sgd --lr 0.1,0.05,0.2 --weight-decay 0.01",
    "sgd-nesterov-clip": "--optimizer sgd --nesterov --lr 0.1,0.05,0.2 --weight-decay 0.01 --clip-norm 2",
    "sgd-plain": "--optimizer sgd --momentum 0 --lr 0.1 --weight-decay 0",
    "lars": "--optimizer lars --lr 3,1.5,6 --weight-decay 0.01",
    "lars-no-decay-clip": "--optimizer lars --lr 3,1.5,6 --weight-decay 0 --clip-norm 2",
    "adamw": "--optimizer adamw --lr 0.01,0.005,0.02 --weight-decay 0.1",
    "adamw-clip": "--optimizer adamw --lr 0.01,0.005,0.02 --weight-decay 0.1 --clip-norm 2",
}


def write(folder, parse):
    for name, text in NETWORKS.items():
        write_network(os.path.join(folder, "network"), name, parse(["parity", "--out-dir", "", *text.split()]), text)
    for name, text in OPTIMIZERS.items():
        write_optimizer(os.path.join(folder, "optimizer"), name, parse(["optimizer", "--out-dir", "", *text.split()]), text)
    for name, tensors, metadata in loss_cases():
        safetensors_io.write(os.path.join(folder, "loss", f"{name}.safetensors"), tensors, metadata)
    augment_golden.write(os.path.join(folder, "augment.safetensors"))
    print(f"written to {folder}")


def compact(exact, allowed, text):
    """Float64 results as float32 (the loss stays), and the limits and options as metadata."""
    tensors = {name: v.astype(np.float32) if v.dtype == np.float64 and name != "loss" else v for name, v in exact.items()}
    return tensors, {"options": text, **{f"limit.{name}": repr(float(limit)) for name, limit in allowed.items()}}


def write_network(folder, name, options, text):
    """<name>.safetensors, and the weights and the batch that it shares with others of the same shape."""
    weights, batch = parity.random_weights(options), parity.random_batch(options)
    exact = parity.run(weights, batch, options, torch.float64)
    single_runs = parity.float32_runs(weights, batch, options)
    files = {"weights": f"w-{options.arch}-{weights['conv1.weight'].shape[2]}x-{parity.head_of(options.loss)}.safetensors",
             "batch": f"b-{options.n}x{options.height}x{options.width}.safetensors"}
    safetensors_io.write(os.path.join(folder, files["weights"]), weights)
    safetensors_io.write(os.path.join(folder, files["batch"]), batch)
    tensors, metadata = compact(exact, compare.limits(exact, single_runs), text)
    safetensors_io.write(os.path.join(folder, f"{name}.safetensors"), tensors, {**metadata, **files})


def optimizer_input(seed, steps):
    """Shapes of every rank; a weight that is all zero, a gradient that is all zero, and a logit scale that runs into its clamp."""
    rng = np.random.default_rng(seed)
    shapes = {"conv.weight": (5, 3, 3, 3), "fc.weight": (7, 5), "zero.weight": (3, 4), "still.weight": (4, 3), "bn.weight": (5,),
              "bn.bias": (5,), "long.weight": (3, 257), "clip.logit_scale": ()}
    weights = {name: np.asarray(rng.standard_normal(shape), np.float32) for name, shape in shapes.items()}
    weights["zero.weight"][...] = 0
    weights["clip.logit_scale"] = np.array(4.6, np.float32)
    gradients = {}
    for k in range(steps):
        for name, shape in shapes.items():
            gradients[f"{k}.{name}"] = np.asarray(rng.standard_normal(shape) * rng.uniform(0.1, 1), np.float32)
        gradients[f"{k}.still.weight"][...] = 0
        gradients[f"{k}.clip.logit_scale"] = np.array(-1 - k, np.float32)
    return weights, gradients


def write_optimizer(folder, name, options, text):
    """<name>.safetensors, and the weights and gradients that all share."""
    weights, gradients = optimizer_input(options.seed, options.steps)
    exact = parity.run_optimizer(weights, gradients, options, torch.float64)
    single_run = parity.run_optimizer(weights, gradients, options, torch.float32)
    safetensors_io.write(os.path.join(folder, "w.safetensors"), weights)
    safetensors_io.write(os.path.join(folder, "g.safetensors"), gradients)
    safetensors_io.write(os.path.join(folder, f"{name}.safetensors"), exact, compact(exact, compare.limits(exact, [single_run]), text)[1])


def loss_cases():
    """Yields (name, tensors, metadata). Rows are float32 values; loss and gradients are float64 results on exactly these values."""
    torch.set_default_dtype(torch.float64)
    for kind in ("xclr", "simclr", "supcon"):
        for n, p, d in ((1, 3, 5), (5, 7, 6), (7, 13, 10), (97, 16, 8)):
            yield contrastive_case(kind, n, p, d, tau=0.1, tau_s=0.1)
    yield contrastive_case("xclr", 7, 13, 10, tau=0.5, tau_s=0.02, suffix="-sharp")
    yield contrastive_case("xclr", 9, 128, 4, tau=0.01, tau_s=1.0, suffix="-cold")
    yield contrastive_case("xclr", 11, 12, 6, tau=0.1, tau_s=0.1, classes=4, suffix="-classes")
    for n, p in ((1, 3), (5, 7), (97, 16)):
        yield clip_case(n, p)
    torch.set_default_dtype(torch.float32)


def rows(rng, count, width, base=None):
    """Normalised float32 rows, near `base` where it is given, as float64."""
    values = rng.standard_normal((count, width)) * (1 if base is None else 0.6) + (0 if base is None else base)
    return normalize(torch.from_numpy(values), dim=1).float().double()


def contrastive_case(kind, n, p, d, tau, tau_s, classes=None, suffix=""):
    rng = np.random.default_rng(n * 1000 + p)
    base = rng.standard_normal((n, p))
    z = torch.cat([rows(rng, n, p, base), rows(rng, n, p, base)]).requires_grad_()
    labels = torch.from_numpy(rng.integers(0, classes or max(1, n // 2), n))
    text = rng.standard_normal((n, d)) * rng.uniform(0.5, 3, (n, 1))
    if n > 3:
        text[3], text[2] = text[0], 2 * text[1]  # a repeated caption, and one of the same direction
    tensors = {}
    if classes:
        tensors["class_text"] = rng.standard_normal((classes, d)).astype(np.float32)
        text = tensors["class_text"][labels.numpy()]
    text = text.astype(np.float32)
    target = losses.targets(kind, n, torch.from_numpy(text).double(), labels, tau_s)
    loss = losses.contrastive(z, target, tau)
    loss.backward()
    other = torch.arange(2 * n).roll(n)
    entropy = -(target * target.clamp_min(1e-300).log()).sum(dim=1).mean()
    tensors.update(z=single(z), text=text, labels=labels.numpy(), loss=loss.detach().numpy().reshape(1), dz=single(z.grad),
                   target_entropy=entropy.numpy().reshape(1), target_own_view=target[torch.arange(2 * n), other].mean().numpy().reshape(1))
    return f"{kind}-n{n}{suffix}", tensors, {"loss": kind, "tau": tau, "tau_s": tau_s}


def clip_case(n, p):
    rng = np.random.default_rng(n * 1000 + p)
    base = rng.standard_normal((n, p))
    z = torch.cat([rows(rng, n, p, base), rows(rng, n, p, base)]).requires_grad_()
    text = rows(rng, n, p, base)
    if n > 3:
        text[3] = text[0]
    text.requires_grad_()
    scale = torch.tensor(2.5).requires_grad_()
    loss = losses.clip(z, text, scale)
    loss.backward()
    return f"clip-n{n}", {
        "z": single(z), "text_rows": single(text), "logit_scale": single(scale), "loss": loss.detach().numpy().reshape(1),
        "dz": single(z.grad), "dtext_rows": single(text.grad), "dlogit_scale": single(scale.grad)}, {"loss": "clip"}


def single(tensor):
    return tensor.detach().float().numpy()
