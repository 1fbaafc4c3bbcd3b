"""The losses, written the plain way: whole matrices, no streaming, gradients by autograd."""
import torch
from torch.nn.functional import cross_entropy, normalize


def targets(kind, n, text=None, labels=None, tau_s=0.1):
    """The target distribution [2N,2N] of each row over the others; rows of view 1 of all samples, then of view 2."""
    rows = 2 * n
    own = torch.eye(rows, dtype=torch.bool)
    other_view = torch.eye(n, dtype=torch.bool).repeat(2, 2) & ~own
    if kind == "simclr":
        return other_view.to(torch.get_default_dtype())
    if kind == "supcon":
        same = (labels[:, None] == labels[None, :]).repeat(2, 2) & ~own
        return same / same.sum(dim=1, keepdim=True).to(torch.get_default_dtype())
    caption = normalize(text, dim=1)
    similarity = (caption @ caption.T).repeat(2, 2)
    similarity = similarity.masked_fill(other_view, 1.0) / tau_s
    return similarity.masked_fill(own, -torch.inf).softmax(dim=1)


def contrastive(z, target, tau):
    """Soft-target cross-entropy of normalised rows z [2N,P]; the self pair is masked."""
    own = torch.eye(len(z), dtype=torch.bool)
    log_p = (z @ z.T / tau).masked_fill(own, -torch.inf).log_softmax(dim=1)
    return -(target * log_p.masked_fill(own, 0)).sum(dim=1).mean()


def clip(z, text_rows, logit_scale):
    """Both directions against the own caption, averaged over directions and views. z [2N,P] and text_rows [N,P] are normalised."""
    n, total = len(text_rows), 0
    for view in (z[:n], z[n:]):
        logits = logit_scale.exp() * view @ text_rows.T
        total = total - (logits.log_softmax(dim=1).diagonal().mean() + logits.log_softmax(dim=0).diagonal().mean()) / 2
    return total / 2


def of_network(network, z, kind, text, labels, tau, tau_s):
    """The loss of a network's projections, or logits (both views have their sample's label). text [N,D] is normalised here, as on load."""
    if kind == "supervised":
        return cross_entropy(z, labels.repeat(2))
    if kind == "clip":
        rows = normalize(network.clip.text_projection(normalize(text, dim=1)), dim=1)
        return clip(z, rows, network.clip.logit_scale)
    return contrastive(z, targets(kind, len(z) // 2, text, labels, tau_s), tau)
