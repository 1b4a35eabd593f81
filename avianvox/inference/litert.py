"""The LiteRT runtime: the "features" signature of a model file, one window at a time."""

from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from avianvox.audio.chatter import silence_decoders
from avianvox.errors import MissingExtraError, ModelFileError
from avianvox.modelfile import ModelFile

if TYPE_CHECKING:
    from collections.abc import Callable

SIGNATURE, INPUT, OUTPUT = "features", "features", "scores"


class LiteRtRuntime:
    """A LiteRT interpreter over a model file. One object serves one thread.

    The interpreter is built at the first window: by then other threads are decoding the sound.

    Parameters
    ----------
    model : ModelFile
    threads : int
        Threads within one window.
    """

    def __init__(self, model: ModelFile, *, threads: int = 1) -> None:
        self.model = model
        self.threads = threads

    def scores(self, features: np.ndarray) -> np.ndarray:
        """See :class:`avianvox.inference.runtime.Runtime`.

        Raises
        ------
        ModelFileError
            When the graph does not hold the signature that the format promises.
        MissingExtraError
            When LiteRT is not installed.
        """
        result: np.ndarray = self._run(**{INPUT: features[None]})[OUTPUT][0]
        if not np.isfinite(result).all():
            raise ModelFileError(
                f"{self.model.path}: the model '{self.model.info.name}' gives a score that is not finite; "
                "its weights are damaged or were trained badly: use another file, or export it again"
            )
        return result

    @cached_property
    def _run(self) -> "Callable[..., dict[str, Any]]":
        try:
            from ai_edge_litert.interpreter import Interpreter
        except ImportError as error:
            raise MissingExtraError(
                "classifying needs the package 'ai-edge-litert', which is not installed; "
                "install it with: pip install ai-edge-litert"
            ) from error
        info = self.model.info
        silence = np.zeros((1, info.spec.n_frames, info.spec.n_features), np.float32)
        try:
            with silence_decoders():  # LiteRT announces its delegate at the first run
                interpreter = Interpreter(model_content=self.model.flatbuffer, num_threads=self.threads)
                run: Callable[..., dict[str, Any]] = interpreter.get_signature_runner(SIGNATURE)
                n_scores = run(**{INPUT: silence})[OUTPUT].shape[-1]
        except (ValueError, RuntimeError, KeyError) as error:
            reason = str(error).splitlines()[0].strip()
            raise ModelFileError(
                f"{self.model.path}: the graph cannot be run on windows of {info.spec.n_frames} frames and "
                f"{info.spec.n_features} features ({reason}); export the model again"
            ) from error
        if n_scores != len(info.labels):
            raise ModelFileError(
                f"{self.model.path}: expected {len(info.labels)} scores, one for each label, got {n_scores}; "
                "export the model again"
            )
        return run
