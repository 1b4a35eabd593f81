"""`Guided`: a network with the extra output of a guide, as it is trained. Layers are the network's own."""

from typing import Any

from avianvox.models.backend import keras
from avianvox.training.guides import Guiding

CLASSES, GUIDE = "classes", "guide"
"""Keys of the targets that it learns from."""


class Guided(keras.Model):  # type: ignore[misc]
    """Answers as the network does; in training, to the guide too.

    Parameters
    ----------
    network : keras.Model
    guiding : Guiding
    """

    def __init__(self, network: Any, guiding: Guiding) -> None:
        super().__init__(name="guided")
        self.whole = keras.Model(network.input, [network.output, guiding.output], name="whole")
        self.guide_loss = keras.metrics.Mean(name="guide_loss")
        self._guiding = guiding

    def call(self, inputs: Any, training: bool = False) -> Any:
        logits, said = self.whole(inputs, training=training)
        return (logits, said) if training else logits

    def compute_loss(
        self,
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> Any:
        """The loss of the classes, and in training that of the guide."""
        if not isinstance(y, dict):
            return super().compute_loss(x, y, y_pred, sample_weight, training)
        logits, said = y_pred
        loss = super().compute_loss(x, y[CLASSES], logits, sample_weight, training)
        distance = keras.ops.mean(self._guiding.loss(y[GUIDE], said))
        self.guide_loss.update_state(distance)
        return loss + self._guiding.weight * distance

    def compute_metrics(self, x: Any, y: Any, y_pred: Any, sample_weight: Any = None) -> dict[str, Any]:
        """Of the classes."""
        if isinstance(y, dict):
            y, y_pred = y[CLASSES], y_pred[0]
        metrics: dict[str, Any] = super().compute_metrics(x, y, y_pred, sample_weight)
        return metrics
