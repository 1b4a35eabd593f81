"""Looking into a TFLite flatbuffer, and packing one anew."""

from avianvox.ears.flatbuffer import operator_names, pack, unpack


def operators(flatbuffer: bytes) -> tuple[str, ...]:
    """Names of a flatbuffer's operators in alphabetical order; a custom one is ``"CUSTOM <name>"``."""
    return tuple(sorted(set(operator_names(unpack(flatbuffer)))))


def inline_buffers(flatbuffer: bytes) -> bytes:
    """The same model with every constant inside the flatbuffer.

    The quantiser puts large constants behind the flatbuffer and refers to them by their place in the file,
    which interpreters older than 2024 don't follow.
    """
    return pack(unpack(flatbuffer))
