"""Specs as a user names them: settings by name, or a model that gives embeddings."""

from avianvox.errors import InputError, ModelFileError, UnknownNameError
from avianvox.features.kinds import Spec
from avianvox.features.spec import is_spec_name, spec_named
from avianvox.inference.embedding import EmbeddingSpec
from avianvox.modelfolder import find_model


def spec_of(name: str, *, overlap_s: float | None = None, scores: bool = True) -> Spec:
    """The spec behind ``name``: settings by name, or the embeddings of a model by name or file.

    Raises
    ------
    UnknownNameError
        It is neither.
    ModelFileError
        The model gives no embedding.
    InputError
        ``overlap_s`` is out of range, or there are no embeddings to which it or ``scores`` apply.
    """
    if is_spec_name(name):
        if overlap_s is not None or not scores:
            raise InputError(
                f"the feature settings '{name}' have no windows; overlap and scores are of embeddings, "
                "such as --spec birdnet"
            )
        return spec_named(name)
    try:
        find_model(name)
    except ModelFileError:
        try:
            return spec_named(name)
        except UnknownNameError as error:
            raise UnknownNameError(
                f"{error}; embeddings need a model by name or file (avianvox models list)"
            ) from error
    return EmbeddingSpec.of_model(name, overlap_s=overlap_s or 0.0, scores=scores)
