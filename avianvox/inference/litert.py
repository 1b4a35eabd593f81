"""The LiteRT runtime: the "features" signature of a model file, one window at a time."""

import numpy as np

from avianvox.audio.chatter import silence_decoders
from avianvox.errors import MissingExtraError, ModelFileError
from avianvox.modelfile import ModelFile

SIGNATURE, INPUT, OUTPUT = "features", "features", "scores"


class LiteRtRuntime:
    """A LiteRT interpreter over a model file. One object serves one thread.

    Parameters
    ----------
    model : ModelFile
    threads : int
        Threads within one window.

    Raises
    ------
    ModelFileError
        When the graph does not hold the signature that the format promises.
    MissingExtraError
        When LiteRT is not installed.
    """

    def __init__(self, model: ModelFile, *, threads: int = 1) -> None:
        try:
            from ai_edge_litert.interpreter import Interpreter
        except ImportError as error:
            raise MissingExtraError(
                "classifying needs the package 'ai-edge-litert', which is not installed; "
                "install it with: pip install ai-edge-litert"
            ) from error
        spec = model.info.spec
        try:
            # LiteRT announces its delegate on the C level's standard error at the first run.
            with silence_decoders():
                interpreter = Interpreter(model_content=model.flatbuffer, num_threads=threads)
                self._run = interpreter.get_signature_runner(SIGNATURE)
                first = self._run(**{INPUT: np.zeros((1, spec.n_frames, spec.n_features), np.float32)})
            n_scores = first[OUTPUT].shape[-1]
        except (ValueError, RuntimeError, KeyError) as error:
            reason = str(error).splitlines()[0].strip()
            raise ModelFileError(
                f"{model.path}: the graph cannot be run on windows of {spec.n_frames} frames and "
                f"{spec.n_features} features ({reason}); export the model again"
            ) from error
        if n_scores != len(model.info.labels):
            raise ModelFileError(
                f"{model.path}: expected {len(model.info.labels)} scores, one for each label, "
                f"got {n_scores}; export the model again"
            )

    def scores(self, features: np.ndarray) -> np.ndarray:
        """See :class:`avianvox.inference.runtime.Runtime`."""
        result: np.ndarray = self._run(**{INPUT: features[None]})[OUTPUT][0]
        return result
