"""What the texts of a recording say of the voice in it, and which of them were not understood.

`describe` reads the type, the sex and the stage that a source states: old rows of xeno-canto have all three
in the type ("call, juvenile, male"), new ones have a field for each. `sex_and_stage_in` reads free remarks,
for the sources.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from avianvox.dataset.labels.animals import SEXES, STAGES
from avianvox.dataset.labels.call_types import CALL_TYPES, voices_of
from avianvox.dataset.labels.vocabulary import SEVERAL, doubts, read_parts, sentences, words_of
from avianvox.types import Recording

_ALL = (CALL_TYPES, SEXES, STAGES)
_VOICE = re.compile(
    r"\b(song|songs|sings?|sang|singing|calls?|calling|duet\w*|drum\w*|vocali\w+|begging)\b", re.I
)
_OTHERS = re.compile(
    r"\b(like|unlike|not|no|never|without|another|other|others|nearby|background|distan\w+|earlier|later|seem\w*"
    r"|or|either|whether|thought|think|assum\w+|suspect\w*|should|would|could|might|if|usually|normally|often"
    r"|with|typical\w*|sometimes|both|response|respond\w*|answer\w*|toward\w*|to the|to a|than"
    r"|to his|to her|her|his)\b|n't\b|-",
    re.I,
)
_MOST_WORDS = 20  # of a sentence that says it plainly


@dataclass(frozen=True, slots=True)
class Description:
    """What is known of the voice in a recording; empty is "not known".

    ``unread``: parts of the texts that were not understood. ``doubted``: whether a text says that it is
    not known or not sure.
    """

    call_types: tuple[str, ...] = ()
    sex: str = ""
    stage: str = ""
    unread: tuple[str, ...] = ()
    doubted: bool = False

    @property
    def voices(self) -> tuple[str, ...]:
        """``"song"``, ``"call"``, or both."""
        return voices_of(self.call_types)


def describe(recording: Recording) -> Description:
    """Read call type, sex and stage of a recording.

    Examples
    --------
    >>> from pathlib import Path
    >>> describe(Recording("XC1", Path("XC1.mp3"), call_type="Alarm calls, juvenile, male"))
    Description(call_types=('alarm call',), sex='male', stage='juvenile', unread=(), doubted=False)
    """
    return _read(recording.call_type, recording.sex, recording.stage)


@lru_cache(maxsize=4096)
def _read(call_type: str, sex: str, stage: str) -> Description:
    typed, sexed, staged = (
        read_parts(text, vocabularies)
        for text, vocabularies in ((call_type, _ALL), (sex, (SEXES,)), (stage, (STAGES,)))
    )
    return Description(
        typed.values["call_type"],
        _one(sexed.values["sex"] or typed.values["sex"]),
        _one(staged.values["stage"] or typed.values["stage"]),
        (*typed.unread, *sexed.unread, *staged.unread),
        typed.doubted or sexed.doubted or staged.doubted,
    )


def _one(values: tuple[str, ...]) -> str:
    return "" if not values else values[0] if len(values) == 1 else SEVERAL


def sex_and_stage_in(remarks: str) -> tuple[str, str]:
    """Sex and stage where a free remark says plainly whose voice it is; "" where it doesn't.

    A short sentence must name the animal and its voice, without doubt and without anybody else.

    Examples
    --------
    >>> sex_and_stage_in("Natural song from a male. A female was seen.")
    ('male', '')
    >>> sex_and_stage_in("Sounds like male song")
    ('', '')
    """
    sexes: list[str] = []
    stages: list[str] = []
    for sentence in sentences(remarks):
        words = words_of(sentence)
        plain = len(words) <= _MOST_WORDS and _VOICE.search(sentence) and not _OTHERS.search(sentence)
        if plain and not doubts(sentence, words):
            sexes += SEXES.find(words)
            stages += STAGES.find(words)
    return _one(SEXES.in_order(sexes)), _one(STAGES.in_order(stages))


def with_remarks(recording: Recording, remarks: str) -> Recording:
    """``recording`` with the sex and stage of which only its free remarks speak."""
    sex, stage = sex_and_stage_in(remarks)
    if not (sex or stage):
        return recording
    known = _read(recording.call_type, "", "")
    return replace(
        recording,
        sex=recording.sex or ("" if known.sex else sex),
        stage=recording.stage or ("" if known.stage else stage),
    )


def summary(recordings: Iterable[Recording]) -> Mapping[str, Any]:
    """How many recordings have each call type, sex and stage, and which spellings were not understood.

    Returns
    -------
    mapping
        ``call_types``, ``sexes``, ``stages``: value to recordings, of what is known. ``stated``: recordings
        about which a type, sex or stage is stated at all. ``understood``: those with a call type among those
        with a type. ``unknown``: those whose type says that it is not known or not sure. ``unread``:
        spelling to recordings.
    """
    rows = list(recordings)
    voices = [describe(r) for r in rows]
    unread: Counter[str] = Counter(
        spelling for voice in voices for spelling in dict.fromkeys(" ".join(u.split()) for u in voice.unread)
    )
    typed = [voice for r, voice in zip(rows, voices, strict=True) if r.call_type.strip()]
    return {
        "recordings": len(rows),
        "stated": len(typed),
        "understood": sum(bool(voice.call_types) for voice in typed),
        "unknown": sum(not voice.call_types and voice.doubted for voice in typed),
        "call_types": _counted(CALL_TYPES.values, (t for voice in voices for t in voice.call_types)),
        "sexes": _counted(SEXES.values, (voice.sex for voice in voices)),
        "stages": _counted(STAGES.values, (voice.stage for voice in voices)),
        "unread": dict(sorted(unread.items(), key=lambda item: (-item[1], item[0]))),
    }


def _counted(order: tuple[str, ...], values: Iterable[str]) -> dict[str, int]:
    counts = Counter(values)
    return {value: counts[value] for value in order if counts[value]}
