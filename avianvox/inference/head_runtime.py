"""The runtime of a head alone: its file has weights, and the ear that it needs is among the user's models.

The file begins with `MARK`, then weights, shape (n_classes, n_embedding), and bias, little-endian float32.
"""

import numpy as np

from avianvox.errors import ModelFileError
from avianvox.inference.graph_runtime import GraphRuntime, Run
from avianvox.modelfile import ModelFile, read_model_file
from avianvox.modelfolder import bundled_models, model_folder, own_models
from avianvox.modelinfo import EMBEDDING, HEAD

MARK = b"AVHEAD01"
EAR, EAR_SHA256, ORIGIN = "ear", "ear sha256", "graph sha256"
"""Keys of ``source``: the ear's name, the hash of its graph, and that of the graph before it was added."""


def pack_head(weight: np.ndarray, bias: np.ndarray) -> bytes:
    """What a head's model file begins with."""
    return MARK + np.asarray(weight, "<f4").tobytes() + np.asarray(bias, "<f4").tobytes()


def ear_of(model: ModelFile) -> ModelFile:
    """The ear that a head listens with, found by its hash.

    The same graph wins. One that was made of the same original, such as one with weights in float16, gives
    the same numbers but for their last digits.

    Raises
    ------
    ModelFileError
        There is none among the bundled and the user's models.
    """
    source, wanted = model.info.source, model.info.output(EMBEDDING)
    like: ModelFile | None = None
    damaged: list[str] = []
    for path in (bundled_models() | own_models()).values():
        try:
            found = read_model_file(path)
        except ModelFileError as error:
            damaged.append(str(error))
            continue
        embedding = found.info.output(EMBEDDING)
        if embedding is None or wanted is None or embedding.size != wanted.size:
            continue
        if found.info.spec.fingerprint != model.info.spec.fingerprint or found.info.payload == HEAD:
            continue
        if found.hashes["flatbuffer"] == source.get(EAR_SHA256):
            return found
        if ORIGIN in source and found.info.source.get(ORIGIN) == source[ORIGIN]:
            like = like or found
    if like is None:
        raise ModelFileError(
            f"{model.path} is a head that listens with the model '{source.get(EAR, '?')}' (SHA-256 "
            f"{str(source.get(EAR_SHA256, '?'))[:12]}…), which is not in {model_folder()}; add it: avianvox "
            f"models add {source.get(EAR, 'MODEL')}{''.join(f' ({line})' for line in damaged[:1])}"
        )
    return like


class HeadRuntime(GraphRuntime):
    """A dense layer behind an ear; see `GraphRuntime`."""

    def __init__(self, model: ModelFile, *, threads: int = 1) -> None:
        super().__init__(model, threads=threads)
        self._ear = ear_of(model)  # said before any sound is decoded

    def load(self) -> Run:
        from avianvox.inference.runtime import runtime_of

        runtime = runtime_of(self._ear, threads=self.threads)
        wanted, n_classes = self.model.info.output(EMBEDDING), len(self.model.info.labels)
        n_values = wanted.size if wanted else 0
        content = bytes(self.model.flatbuffer)
        if content[: len(MARK)] != MARK or len(content) != len(MARK) + 4 * n_classes * (n_values + 1):
            raise ValueError(f"expected weights of {n_classes} classes and {n_values} numbers")
        values = np.frombuffer(content, "<f4", offset=len(MARK)).astype(np.float64)
        weight, bias = values[:-n_classes].reshape(n_classes, n_values), values[-n_classes:]

        def run(rows: np.ndarray) -> list[np.ndarray]:
            embedding = runtime.run(rows)[EMBEDDING]
            logits = np.einsum("ce,e->c", weight, embedding.astype(np.float64)) + bias
            given = {EMBEDDING: embedding}
            return [given.get(output.name, logits.astype(np.float32)) for output in self.model.info.outputs]

        return run
