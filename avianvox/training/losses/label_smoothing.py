"""Cross-entropy with smoothed labels: no answer is wanted to be certain, since some labels are wrong."""

from typing import Any

from avianvox.models.backend import keras

ops = keras.ops


@keras.saving.register_keras_serializable(package="avianvox")
class SmoothedCrossEntropy(keras.losses.Loss):
    """Cross-entropy; the target is ``1 - smoothing`` for the label, ``smoothing`` is spread over all classes.

    References
    ----------
    Szegedy et al., "Rethinking the inception architecture for computer vision", 2016.
    """

    def __init__(self, smoothing: float = 0.1, name: str = "smoothed_cross_entropy", **kwargs: Any) -> None:
        super().__init__(name=name, **kwargs)
        self.smoothing = smoothing

    def call(self, targets: Any, logits: Any) -> Any:
        logs = ops.log_softmax(logits, axis=-1)
        classes = ops.reshape(ops.cast(targets, "int32"), (-1, 1))
        right = ops.take_along_axis(logs, classes, axis=-1)[:, 0]
        return -((1.0 - self.smoothing) * right + self.smoothing * ops.mean(logs, axis=-1))

    def get_config(self) -> dict[str, Any]:
        return {**keras.losses.Loss.get_config(self), "smoothing": self.smoothing}
