"""Well-known architectures, scaled to spectrograms: plan and number of layers, in a part of the width.

All nine are built of the same parts (`avianvox.models.trunks.parts`) and trained by one recipe, so that a
comparison shows what their plans are worth for few recordings. The first convolution shortens time by four
and bands by two or four, as the project's own networks do.

A layer counts where it has weights and lies on the longest way from the window to the classes, which gives
the numbers that Norouzzadeh et al. name. AlexNet and the residual networks have them as published;
GoogLeNet has 14 modules in place of 9, VGG 19 convolutions in place of 16, NiN five blocks in place of four.

References
----------
Norouzzadeh et al., "Automatically identifying, counting, and describing wild animals in camera-trap
images with deep learning", 2018.
"""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Plan:
    """``layers`` on the longest way; ``width``: what filters are divided by; ``source``: whose plan it is."""

    layers: int
    width: int
    source: str


PLANS: Final = {
    "alexnet": Plan(8, 4, "Krizhevsky et al., 2012"),
    "nin": Plan(16, 4, "Lin et al., 2014"),
    "vgg": Plan(22, 4, "Simonyan and Zisserman, 2015"),
    "googlenet": Plan(32, 4, "Szegedy et al., 2015"),
    "resnet18": Plan(18, 4, "He et al., 2016"),
    "resnet34": Plan(34, 4, "He et al., 2016"),
    "resnet50": Plan(50, 8, "He et al., 2016"),
    "resnet101": Plan(101, 8, "He et al., 2016"),
    "resnet152": Plan(152, 8, "He et al., 2016"),
}
"""By name in `avianvox.models.networks.NETWORKS`."""
