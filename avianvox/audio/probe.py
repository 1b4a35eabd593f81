"""What a file holds and whether it decodes, as a value and never as an exception."""

from pathlib import Path

from avianvox.audio.decode import Meter, Probe, judge
from avianvox.audio.sources import only_audio_errors, open_source
from avianvox.errors import AudioError
from avianvox.types import Status


def probe(path: Path | str, *, decode: bool = True) -> Probe:
    """Look at one file.

    Parameters
    ----------
    path : path-like
    decode : bool
        Decode all of it, which alone tells truncated, silent and clipped files. False reads the header only:
        ``decoded_s`` is None then, and the status ok for whatever opens.

    Returns
    -------
    Probe
        Bad input is a status in it; nothing is raised.
    """
    path = Path(path)
    try:
        return _look(path, decode)
    except AudioError as error:
        return Probe(str(path), Status(error.status), message=error.about(path))


def _look(path: Path, decode: bool) -> Probe:
    source, stream = open_source(path)
    try:
        if decode:
            meter = Meter()
            with only_audio_errors(path):
                for chunk in source.chunks():
                    meter.mix(chunk)
            return judge(path, source, meter)
        return Probe(
            path=str(path),
            status=Status.OK,
            container=source.container,
            codec=source.codec,
            sample_rate=source.sample_rate,
            channels=source.channels,
            header_s=source.header_s,
        )
    finally:
        source.close()
        stream.close()
