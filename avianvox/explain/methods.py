"""Methods by name: how a map of what a model listens to is found.

A row is a frozen dataclass of its settings. Given a recording and a class, it gives each window a map, as
coarse as the method is. A new one is one module here and one row.
"""

from typing import TYPE_CHECKING, Protocol

from avianvox.registry import Registry

if TYPE_CHECKING:
    import numpy as np

    from avianvox.explain.heard import Heard
    from avianvox.explain.listener import Listener


class Method(Protocol):
    """What a row of `METHODS` stands for."""

    def maps(self, listener: "Listener", heard: "Heard", target: int, windows: "np.ndarray") -> "np.ndarray":
        """Maps of some windows of a recording.

        Parameters
        ----------
        listener : Listener
        heard : Heard
        target : int
            The class, as a position in the model's labels.
        windows : np.ndarray, shape (n,), int64

        Returns
        -------
        np.ndarray, shape (n, n_times, n_bands), float64
            Over the window and the bands of the view; what speaks for the class is above 0.

        Raises
        ------
        InputError
            The model cannot be asked in this way.
        """
        ...


METHODS: Registry[type[Method]] = Registry(
    "method",
    {
        "occlusion": "avianvox.explain.occlusion:Occlusion",
        "grad-cam": "avianvox.explain.gradients:GradCam",
        "attention": "avianvox.explain.attention:Attention",
    },
)

OF_NETWORKS = ("grad-cam", "attention")
"""Those that look into a network, of a training run."""
