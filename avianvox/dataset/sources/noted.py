"""What a sound file or its name knows of its making, for catalogs that do not say it."""

from dataclasses import replace

from avianvox.audio.field_notes import read_field_notes
from avianvox.types import Recording


def noted(recording: Recording) -> Recording:
    """``recording`` with what its file notes, see `read_field_notes`, where the catalog leaves it open.

    A recorder stands in one place: its name is that of the site. Only the head of the file is read; it is not
    asked about recordings whose catalog states a date.
    """
    notes = read_field_notes(recording.path)
    placed = recording.latitude is not None or recording.longitude is not None
    return replace(
        recording,
        recordist=recording.recordist or notes.recordist,
        date=recording.date or (notes.begin.date().isoformat() if notes.begin else ""),
        time=recording.time or (f"{notes.begin:%H:%M}" if notes.begin else ""),
        site=recording.site or notes.site or notes.recorder,
        latitude=recording.latitude if placed else notes.latitude,
        longitude=recording.longitude if placed else notes.longitude,
    )
