"""From what a page sends to lines of the table of verdicts.

A page names the item and what was said of it. File, times, suggestion and score are those of the material: a
page in blind mode doesn't know them. What is sent twice, as after a connection broke, has the same id and
counts once.
"""

from collections.abc import Mapping
from math import isfinite
from typing import Any

from avianvox.desk.review.material import Material
from avianvox.desk.review.said import SaidSoFar
from avianvox.errors import InputError
from avianvox.verdicts.table import Said, Verdict, now

MOST_AT_ONCE = 200
_MOST_LETTERS = 500
_MOVED_S = 0.0006  # times are kept to the millisecond
_BOX = ".box"
"""What stands behind the id of the second line, where a box was moved in time."""


class Desk:
    """Takes what a page says about ``material``, in the name of a reviewer.

    Parameters
    ----------
    material : Material
    said : SaidSoFar
    blind : bool
        Whether suggestions are hidden.
    """

    def __init__(self, material: Material, said: SaidSoFar, *, blind: bool) -> None:
        self._material, self._said, self._blind = material, said, blind

    def submit(self, sent: Mapping[str, Any], reviewer: str) -> None:
        """Keep one verdict.

        Parameters
        ----------
        sent : mapping
            ``id``, ``verdict``, and ``key`` of an item, or ``file`` (its number) for an added call; where
            they apply, ``species`` (a list), ``box`` (begin and end in seconds, lowest and highest hertz, the
            last two None without a box), ``seconds``, ``replaces``, ``note``.
        reviewer : str

        Raises
        ------
        InputError
            It says what no verdict can say.
        OutputError
            It cannot be written.
        """
        verdict = Said(_text(sent, "verdict", among=list(Said)))
        common: dict[str, Any] = {
            "id": _text(sent, "id"),
            "time": now(),
            "reviewer": reviewer,
            "verdict": verdict,
            "species": _species(sent),
            "blind": self._blind,
            "seconds": _number(sent, "seconds"),
            "note": _text(sent, "note", may_be_empty=True),
        }
        box = _box(sent)
        if "key" in sent:
            self._on_item(_text(sent, "key"), common, box, _text(sent, "replaces", may_be_empty=True))
        else:
            self._on_file(sent, common, box)

    def _on_item(
        self, key: str, common: dict[str, Any], box: tuple[float | None, ...], replaces: str
    ) -> None:
        position = self._material.by_key.get(key)
        if position is None:
            raise InputError("the event is not in this table; reload the page")
        first = self._material.items[position].first
        common |= {
            "file": first.path,
            "suggested": first.scientific_name,
            "score": first.score if first.score is not None and 0 <= first.score <= 1 else None,
        }
        shown: dict[str, Any] = {"start_s": first.begin_s, "end_s": first.end_s}
        if common["verdict"] == Said.UNDONE:
            self._undo(common | shown, replaces)
            return
        before = self._said.on(common["reviewer"], position)
        common["replaces"] = before.id if before and before.id != common["id"] else ""
        start_s, end_s, low_hz, high_hz = box
        verdicts = [Verdict(**common, **shown, low_hz=low_hz, high_hz=high_hz)]
        if start_s is not None and not _same_span((start_s, end_s), (first.begin_s, first.end_s)):
            common |= {"id": common["id"] + _BOX, "replaces": common["id"], "seconds": None}
            verdicts.append(Verdict(**common, start_s=start_s, end_s=end_s, low_hz=low_hz, high_hz=high_hz))
        for one in verdicts:  # all of them are valid: a submission is kept whole or not at all
            self._said.add(one)

    def _undo(self, common: dict[str, Any], replaces: str) -> None:
        """Take a verdict back, and the box that was moved with it before."""
        boxed = self._said.with_id(common["reviewer"], common["file"], replaces + _BOX)
        if boxed is not None:
            self._said.add(Verdict(**{**common, "id": common["id"] + _BOX}, replaces=boxed.id))
        self._said.add(Verdict(**common, replaces=replaces))

    def _on_file(
        self, sent: Mapping[str, Any], common: dict[str, Any], box: tuple[float | None, ...]
    ) -> None:
        """An added call, its change, or its end."""
        number = sent.get("file")
        if not isinstance(number, int) or not 0 <= number < len(self._material.files):
            raise InputError("file: expected the number of a recording")
        common["file"] = self._material.files[number]
        replaces = _text(sent, "replaces", may_be_empty=True)
        start_s, end_s, low_hz, high_hz = box
        if common["verdict"] == Said.UNDONE:
            self._take_back(common, replaces, chain=sent.get("chain") is True)
            return
        if common["verdict"] != Said.ADDED:
            raise InputError(f"verdict: expected added or undone without an event, got {common['verdict']}")
        if start_s is None or end_s is None or start_s >= end_s:
            raise InputError("box: expected a begin and an end of the added call")
        self._said.add(
            Verdict(**common, start_s=start_s, end_s=end_s, low_hz=low_hz, high_hz=high_hz, replaces=replaces)
        )

    def _take_back(self, common: dict[str, Any], replaces: str, *, chain: bool) -> None:
        """Undo the last change of a call; in a ``chain``, all of them and the call itself."""
        name, n = replaces, 0
        while name:
            self._said.add(
                Verdict(**{**common, "id": f"{common['id']}{f'.{n}' if n else ''}"}, replaces=name)
            )
            before = self._said.with_id(common["reviewer"], common["file"], name) if chain else None
            name, n = before.replaces if before else "", n + 1


def _same_span(one: tuple[float | None, ...], other: tuple[float | None, ...]) -> bool:
    pairs = zip(one, other, strict=True)
    return all(a is not None and b is not None and abs(a - b) <= _MOVED_S for a, b in pairs)


def _text(
    sent: Mapping[str, Any], name: str, *, among: list[Said] | None = None, may_be_empty: bool = False
) -> str:
    value = sent.get(name, "")
    if not isinstance(value, str) or len(value) > _MOST_LETTERS or not (value or may_be_empty):
        raise InputError(f"{name}: expected a text of up to {_MOST_LETTERS} letters")
    if among is not None and value not in among:
        raise InputError(f"{name}: expected one of {', '.join(among)}")
    return value


def _number(sent: Mapping[str, Any], name: str) -> float | None:
    value = sent.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value) or value < 0:
        raise InputError(f"{name}: expected a number of 0 or more")
    return float(value)


def _species(sent: Mapping[str, Any]) -> tuple[str, ...]:
    value = sent.get("species", [])
    if not isinstance(value, list) or len(value) > MOST_AT_ONCE:
        raise InputError("species: expected a list of names")
    names = (_text({"species": name}, "species") for name in value)
    return tuple(dict.fromkeys(" ".join(name.split()) for name in names))


def _box(sent: Mapping[str, Any]) -> tuple[float | None, ...]:
    """Begin and end in seconds, lowest and highest hertz."""
    value = sent.get("box")
    if value is None:
        return (None,) * 4
    if not isinstance(value, list) or len(value) != 4:
        raise InputError("box: expected begin, end, lowest and highest hertz")
    names = ("start_s", "end_s", "low_hz", "high_hz")
    return tuple(_number({name: one}, name) for name, one in zip(names, value, strict=True))
