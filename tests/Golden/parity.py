"""What `xclr parity` computes, in PyTorch at a chosen precision."""
import numpy as np
import torch

import losses
import micro_batches
import mixed_precision
from networks import LAYERS, Network, randomise
from optimizers import Optimizer


def head_of(loss):
    return {"clip": "clip", "supervised": "fc"}.get(loss, "projector")


def random_weights(options):
    """{name: array} of a random network, float32, `num_batches_tracked` int64."""
    network = Network(options.arch, options.channels, options.stem, options.projection_width, options.text_width, head_of(options.loss))
    randomise(network, torch.Generator().manual_seed(options.seed), options.last_gamma)
    return {name: value.numpy() for name, value in network.state_dict().items()}


def random_batch(options):
    """images [2N,3,H,W], text [N,D] of varied lengths in which captions 0 and 1 coincide, labels [N] of about N/2 classes."""
    rng = np.random.default_rng(options.seed + 1)
    n = options.n
    base = rng.standard_normal((n, 3, options.height, options.width))
    views = np.concatenate([base + 0.5 * rng.standard_normal(base.shape) for _ in range(2)])
    text = rng.standard_normal((n, options.text_width)) * rng.uniform(0.5, 3, (n, 1))
    if n > 2:
        text[1] = text[0]
    labels = rng.integers(0, max(1, n // 2), n)
    return {"images": views.astype(np.float32), "text": text.astype(np.float32), "labels": labels.astype(np.int64)}


def load(weights, options, dtype):
    """The network that the names and shapes of the weights describe."""
    head = head_of(options.loss)
    text_width = weights["clip.text_projection.weight"].shape[1] if head == "clip" else None
    last = {"clip": "clip.image_projection.weight", "fc": "fc.weight", "projector": "projector.3.weight"}[head]
    network = Network(options.arch, weights["conv1.weight"].shape[0], options.stem, weights[last].shape[0], text_width, head).to(dtype)
    network.load_state_dict({name: torch.from_numpy(value) for name, value in weights.items()})
    if options.micro_batch:
        micro_batches.normalise_apart(network, options.micro_batch)
    return network.train(options.mode == "train")


def run(weights, batch, options, dtype, prepare=lambda network: None):
    """{name: array}: loss, features, projections (or logits); when training grad.*, and with an optimiser all parameters and buffers after a step. With
    --precision amp or bf16 the float32 run stores what mixed precision stores in 16 bits."""
    torch.set_default_dtype(dtype)
    network = load(weights, options, dtype)
    prepare(network)
    if options.precision != "fp32" and dtype == torch.float32:
        mixed_precision.emulate(network, options.precision)
    text = torch.from_numpy(batch["text"]).to(dtype)
    features, z = network(torch.from_numpy(batch["images"]).to(dtype))
    loss = losses.of_network(network, z, options.loss, text, torch.from_numpy(batch["labels"]), options.tau, options.tau_s)
    result = {"loss": loss.reshape(1), "features": features, "logits" if options.loss == "supervised" else "projections": z}
    if options.mode == "train":
        loss.backward()
        parameters = {name: p.detach() for name, p in network.named_parameters()}
        gradients = {name: p.grad for name, p in network.named_parameters()}
        result.update({f"grad.{name}": g for name, g in gradients.items()})
        if options.optimizer != "none":
            optimizer_of(options).step(parameters, gradients, options.lr[0])
            result.update(network.state_dict())
    torch.set_default_dtype(torch.float32)
    return {name: value.detach().numpy().copy() for name, value in result.items()}


def float32_runs(weights, batch, options):
    """The step in float32 in both memory layouts, whose sums have another order: how far PyTorch itself strays from float64."""
    return [run(weights, batch, options, torch.float32, lambda network, layout=layout: network.to(memory_format=layout)) for layout in (torch.contiguous_format, torch.channels_last)]


def step_from(weights, gradients, options):
    """The parameters after one step in float64 from float32 gradients: what the optimiser alone does."""
    parameters = {name: torch.from_numpy(weights[name]).double() for name in gradients}
    optimizer_of(options).step(parameters, {name: torch.from_numpy(g).double() for name, g in gradients.items()}, options.lr[0])
    return {name: value.numpy() for name, value in parameters.items()}


def optimizer_of(options):
    return Optimizer(options.optimizer, options.weight_decay, options.momentum, options.nesterov, options.clip_norm)


def run_optimizer(weights, gradients, options, dtype):
    """K steps from given gradients `k.<name>`: {name: array} of the parameters and the optimiser's state after them."""
    parameters = {name: torch.from_numpy(value).to(dtype).clone() for name, value in weights.items()}
    optimizer = optimizer_of(options)
    steps = 1 + max(int(name.split(".")[0]) for name in gradients)
    for k in range(steps):
        step = {name: torch.from_numpy(gradients[f"{k}.{name}"]).to(dtype) for name in weights}
        optimizer.step(parameters, step, options.lr[k if len(options.lr) > 1 else 0])
    result = {name: value.numpy() for name, value in {**parameters, **optimizer.state}.items()}
    result["step"] = np.array(optimizer.steps, dtype=np.int64)
    return result


ARCHITECTURES = list(LAYERS)
