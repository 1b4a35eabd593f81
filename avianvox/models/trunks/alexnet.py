"""AlexNet's plan: five convolutions, the first with a large kernel and stride, and three dense layers."""

from typing import Any

from avianvox.models.trunks.parts import Parts, layers, network


def _trunk(parts: Parts, x: Any) -> Any:
    x = parts.convolve(x, "conv1", 96, 11, strides=4)
    x = parts.convolve(parts.pool(x, "pool1"), "conv2", 256, 5)
    x = parts.convolve(parts.pool(x, "pool2"), "conv3", 384, 3)
    x = parts.convolve(x, "conv4", 384, 3)
    x = parts.convolve(x, "conv5", 256, 3)
    x = layers.Flatten(name="flat")(parts.pool(x, "pool5"))
    x = parts.drop(parts.dense(x, "dense6", 4096 // 2), "dropout6")
    return parts.dense(x, "dense7", 4096 // 2)


alexnet = network("alexnet", _trunk)
