"""Backbones with torchvision's blocks and names at any width and depth, and their heads."""
import torch
import torchvision
from torch import nn
from torchvision.models.resnet import BasicBlock, Bottleneck

LAYERS = {
    "resnet18": (BasicBlock, [2, 2, 2, 2]),
    "resnet34": (BasicBlock, [3, 4, 6, 3]),
    "resnet50": (Bottleneck, [3, 4, 6, 3]),
    "resnet101": (Bottleneck, [3, 4, 23, 3]),
    "tiny-basic": (BasicBlock, [1, 1, 1, 1]),
    "tiny-bottleneck": (Bottleneck, [1, 1, 1, 1]),
}


class Backbone(nn.Module):
    """A ResNet v1.5 without fc: images [M,3,H,W] to features [M,F]."""

    def __init__(self, block, layers, channels=64, stem="imagenet"):
        super().__init__()
        kernel, stride = {"imagenet": (7, 2), "half": (3, 2), "small": (3, 1)}[stem]
        self.conv1 = nn.Conv2d(3, channels, kernel, stride, kernel // 2, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.relu = nn.ReLU()
        self.pool = nn.MaxPool2d(3, 2, 1) if stem == "imagenet" else nn.Identity()
        width = channels
        for stage, blocks in enumerate(layers):
            planes, units = channels << stage, []
            for index in range(blocks):
                step = 2 if stage > 0 and index == 0 else 1
                units.append(self._block(block, width, planes, step))
                width = planes * block.expansion
            setattr(self, f"layer{stage + 1}", nn.Sequential(*units))
        self.feature_width = width

    @staticmethod
    def _block(block, inputs, planes, stride):
        outputs, shortcut = planes * block.expansion, None
        if stride != 1 or inputs != outputs:
            shortcut = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))
        return block(inputs, planes, stride, shortcut)

    def forward(self, x):
        x = self.pool(self.relu(self.bn1(self.conv1(x))))
        for stage in (self.layer1, self.layer2, self.layer3, self.layer4):
            x = stage(x)
        return x.mean(dim=(2, 3))


class Network(Backbone):
    """A backbone and what the loss needs above it: "projector", "clip" (two heads), or "fc" (torchvision's classifier of projection_width classes)."""

    def __init__(self, arch, channels=64, stem="imagenet", projection_width=128, text_width=None, head="projector"):
        super().__init__(*LAYERS[arch], channels, stem)
        f, p = self.feature_width, projection_width
        if head == "fc":
            self.fc = nn.Linear(f, p)
        elif head == "projector":
            self.projector = nn.Sequential(
                nn.Linear(f, f, bias=False), nn.BatchNorm1d(f), nn.ReLU(), nn.Linear(f, p, bias=False), nn.BatchNorm1d(p, affine=False))
        else:
            self.clip = ClipHeads(f, text_width, p)

    def forward(self, images):
        """Returns features [2N,F] and normalised projections [2N,P], or logits [2N,K]."""
        features = super().forward(images)
        if hasattr(self, "fc"):
            return features, self.fc(features)
        rows = self.projector(features) if hasattr(self, "projector") else self.clip.image_projection(features)
        return features, nn.functional.normalize(rows, dim=1)


class ClipHeads(nn.Module):
    """Image head [P,F], text map [P,D], and the logarithm of the scale, []."""

    def __init__(self, feature_width, text_width, projection_width):
        super().__init__()
        self.image_projection = nn.Linear(feature_width, projection_width, bias=False)
        self.text_projection = nn.Linear(text_width, projection_width, bias=False)
        self.logit_scale = nn.Parameter(torch.log(torch.tensor(1 / 0.07)))


def randomise(network, generator, last_gamma):
    """Random weights that hide no error behind a one or a zero. The last gamma of each block is scaled, so that depth stays conditioned."""
    def uniform(tensor, low, high):
        tensor.copy_(torch.rand(tensor.shape, generator=generator) * (high - low) + low)

    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, (nn.Conv2d, nn.Linear)):
                fan_in = module.weight[0].numel()
                module.weight.copy_(torch.randn(module.weight.shape, generator=generator) * (2 / fan_in) ** 0.5)
                if module.bias is not None:
                    uniform(module.bias, -0.3, 0.3)
            elif isinstance(module, (nn.BatchNorm1d, nn.BatchNorm2d)):
                if module.affine:
                    uniform(module.weight, 0.5, 1.5)
                    uniform(module.bias, -0.3, 0.3)
                uniform(module.running_mean, -0.3, 0.3)
                uniform(module.running_var, 0.5, 1.5)
                module.num_batches_tracked.fill_(7)
        for module in network.modules():
            if isinstance(module, Bottleneck):
                module.bn3.weight.mul_(last_gamma)
            elif isinstance(module, BasicBlock):
                module.bn2.weight.mul_(last_gamma)


def check_against_torchvision(arch):
    """At full width the backbone must be torchvision's: names, shapes, order and outputs."""
    theirs = getattr(torchvision.models, arch)(weights=None)
    theirs.fc = nn.Identity()
    ours = Backbone(*LAYERS[arch])
    expected, actual = theirs.state_dict(), ours.state_dict()
    assert list(expected) == list(actual), f"{arch}: names or their order differ from torchvision's"
    ours.load_state_dict(expected)
    x = torch.randn(2, 3, 75, 61, generator=torch.Generator().manual_seed(1))
    for mode in (True, False):
        difference = (theirs.train(mode)(x) - ours.train(mode)(x)).abs().max().item()
        assert difference < 1e-5, f"{arch}: differs from torchvision by {difference}"
