"""SGD, LARS and AdamW over {name: tensor}. Tensors of at most one dimension are excluded from decay and from LARS's adaptation."""
import math

import torch

LOGIT_SCALE = "clip.logit_scale"


def clip_by_norm(gradients, limit):
    """Scales all gradients by limit / (norm + 1e-6) where that is below 1, as torch does."""
    norm = math.sqrt(sum((g.double() ** 2).sum().item() for g in gradients.values()))
    factor = min(1.0, limit / (norm + 1e-6))
    return {name: g * factor for name, g in gradients.items()}


class Optimizer:
    """state holds `momentum.<name>`, or `exp_avg.<name>`, `exp_avg_sq.<name>`, and the number of steps taken."""

    def __init__(self, kind, weight_decay=0.0, momentum=0.9, nesterov=False, clip_norm=None, trust=0.001):
        if nesterov and kind != "sgd":
            raise ValueError(f"Nesterov's momentum is defined for sgd, not for {kind}")
        self.kind, self.weight_decay, self.momentum, self.nesterov = kind, weight_decay, momentum, nesterov
        self.clip_norm, self.trust, self.state, self.steps = clip_norm, trust, {}, 0

    def step(self, parameters, gradients, lr):
        """Updates the parameters in place."""
        if self.clip_norm is not None:
            gradients = clip_by_norm(gradients, self.clip_norm)
        self.steps += 1
        update = {"sgd": self._sgd, "lars": self._lars, "adamw": self._adamw}[self.kind]
        for name, w in parameters.items():
            update(name, w, gradients[name], lr, self.weight_decay if w.dim() > 1 else 0.0)
            if name == LOGIT_SCALE:
                w.clamp_(0, math.log(100))

    def _buffer(self, kind, name, like):
        return self.state.setdefault(f"{kind}.{name}", torch.zeros_like(like))

    def _sgd(self, name, w, g, lr, decay):
        g = g + decay * w
        v = self._buffer("momentum", name, w)
        v.mul_(self.momentum).add_(g)
        w.sub_(lr * (g + self.momentum * v if self.nesterov else v))

    def _lars(self, name, w, g, lr, decay):
        g = g + decay * w
        ratio = 1.0
        if w.dim() > 1 and w.norm() > 0 and g.norm() > 0:
            ratio = self.trust * w.norm() / g.norm()
        v = self._buffer("momentum", name, w)
        v.mul_(self.momentum).add_(lr * ratio * g)
        w.sub_(v)

    def _adamw(self, name, w, g, lr, decay, betas=(0.9, 0.999), eps=1e-8):
        mean, square = self._buffer("exp_avg", name, w), self._buffer("exp_avg_sq", name, w)
        w.mul_(1 - lr * decay)
        mean.mul_(betas[0]).add_(g, alpha=1 - betas[0])
        square.mul_(betas[1]).add_(g * g, alpha=1 - betas[1])
        denominator = (square / (1 - betas[1] ** self.steps)).sqrt() + eps
        w.sub_(lr / (1 - betas[0] ** self.steps) * mean / denominator)
