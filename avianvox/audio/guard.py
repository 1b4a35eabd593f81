"""What is written is never a recording."""

import os

from avianvox.errors import OutputError


def refuse_recording(path: str | os.PathLike[str]) -> None:
    """Raise `OutputError` where a file at ``path`` is called like a recording, or is one by its content."""
    from avianvox.audio.find import is_audio
    from avianvox.audio.headers import recognise

    path = os.fspath(path)
    if not os.path.isfile(path):
        return
    if is_audio(path) or is_audio(os.path.realpath(path)):
        raise OutputError(f"cannot write {path}: there is a recording of this name; name another file")
    try:
        with open(path, "rb") as file:
            container, _ = recognise(file)
    except OSError:
        return  # whoever writes there says what is wrong
    if container:
        raise OutputError(f"cannot write {path}: there is a recording ({container}); name another file")
