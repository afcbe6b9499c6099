"""Networks of the shapes of ResNet-50 and MobileNetV2 in plain PyTorch, their weights drawn here.

He et al., "Deep Residual Learning for Image Recognition" (2015), with the stride in the 3x3
convolution; Sandler et al., "MobileNetV2: Inverted Residuals and Linear Bottlenecks" (2018).
"""
from __future__ import annotations

import torch
from torch import nn

SEED = 9


def convolution(inputs: int, outputs: int, size: int = 1, stride: int = 1, groups: int = 1,
                act: type[nn.Module] | None = nn.ReLU) -> nn.Sequential:
    """A convolution that keeps the picture's size but for the stride, BatchNorm, a nonlinearity."""
    layers = [nn.Conv2d(inputs, outputs, size, stride, size // 2, groups=groups, bias=False),
              nn.BatchNorm2d(outputs, momentum=None)]
    return nn.Sequential(*layers, *([act()] if act else []))


class Bottleneck(nn.Module):
    """1x1 to fewer channels, 3x3, 1x1 to four times as many, beside the input."""

    def __init__(self, inputs: int, width: int, stride: int):
        super().__init__()
        outputs = 4 * width
        self.way = nn.Sequential(convolution(inputs, width), convolution(width, width, 3, stride),
                                 convolution(width, outputs, act=None))
        same = stride == 1 and inputs == outputs
        self.beside = nn.Identity() if same else convolution(inputs, outputs, 1, stride, act=None)

    def forward(self, x):
        return torch.relu(self.way(x) + self.beside(x))


def resnet(blocks=(3, 4, 6, 3), width: int = 64, classes: int = 1000) -> nn.Module:
    """ResNet-50 unless told otherwise: 25.6 million weights."""
    layers: list[nn.Module] = [convolution(3, width, 7, 2), nn.MaxPool2d(3, 2, 1)]
    channels = width
    for stage, count in enumerate(blocks):
        for block in range(count):
            inner = width << stage
            layers.append(Bottleneck(channels, inner, 2 if stage > 0 and block == 0 else 1))
            channels = 4 * inner
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(),
                         nn.Linear(channels, classes))


class Inverted(nn.Module):
    """1x1 to more channels, 3x3 in each of them, 1x1 to few; beside the input where sizes agree."""

    def __init__(self, inputs: int, outputs: int, stride: int, expand: int):
        super().__init__()
        inner = inputs * expand
        first = [convolution(inputs, inner, act=nn.ReLU6)] if expand > 1 else []
        self.way = nn.Sequential(*first,
                                 convolution(inner, inner, 3, stride, groups=inner, act=nn.ReLU6),
                                 convolution(inner, outputs, act=None))
        self.same = stride == 1 and inputs == outputs

    def forward(self, x):
        return x + self.way(x) if self.same else self.way(x)


# Expansion, channels, blocks, stride of the first of them.
_STAGES = ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2),
           (6, 320, 1, 1))


def mobilenet(width: float = 1.0, most: int = 4, classes: int = 1000) -> nn.Module:
    """MobileNetV2 unless told otherwise: 3.5 million weights. `most`: blocks in a stage."""
    def scaled(channels: int) -> int:
        return max(8, int(channels * width + 4) // 8 * 8)

    channels, last = scaled(32), max(scaled(1280), 64)
    layers: list[nn.Module] = [convolution(3, channels, 3, 2, act=nn.ReLU6)]
    for expand, outputs, count, stride in _STAGES:
        for block in range(min(count, most)):
            layers.append(Inverted(channels, scaled(outputs), stride if block == 0 else 1, expand))
            channels = scaled(outputs)
    return nn.Sequential(*layers, convolution(channels, last, act=nn.ReLU6),
                         nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(last, classes))


def draw(make, photographs: torch.Tensor) -> nn.Module:
    """A network in evaluation mode with weights drawn from SEED.

    BatchNorm has seen the photographs once, so that its statistics are those of pictures and the
    scores at the end are of ordinary size.
    """
    torch.manual_seed(SEED)
    network = make()
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        elif isinstance(module, nn.Linear):
            nn.init.normal_(module.weight, std=module.in_features**-0.5)
    with torch.no_grad():
        network.train()(photographs)
    return network.eval()
