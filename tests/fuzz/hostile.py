"""What the kinds share: names that harm, values of the wrong kind, JSON that is no JSON."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

NAMES = (
    "",
    " ",
    "\0",
    "a\nb",
    "a\rb\tc",
    "\x1b[2J\x1b]0;title\x07",
    "\x9b31m",
    "abc\u202efdc\u2066",
    "\u2028\u2029",
    "\ud800",
    "caf\udce9",
    "=1+1",
    "+1",
    "-1+1",
    "@SUM(A1)",
    "\t=1",
    "=cmd|' /C calc'!A0",
    '"',
    '""",',
    "[bold red]x[/]",
    "[/nonsense]",
    "<script>alert(1)</script>",
    "../../etc/passwd",
    "/dev/zero",
    "CON",
    "{0}",
    "%s%n",
    "ñandú",
    "x" * 5_000,
    "9" * 5_000,
    "鳥" * 300,
)
_BIG = "@integer of {} digits@"
_NUMBERS = ("NaN", "Infinity", "-Infinity", "1e999", "-1e999", "1e-999", "-0.0", "0.1e1")
_PLAIN = (None, True, False, 0, -1, 1, 2**31, 2**63, 2**64, 0.5, -0.5, 1e308, [], {}, [[]], [None], {"": 0})


def name(rng: np.random.Generator) -> str:
    """A hostile text."""
    return NAMES[rng.integers(len(NAMES))]


def value(rng: np.random.Generator) -> Any:
    """A value that nobody expects; some are placeholders that `dumped` puts the right text for."""
    kind = rng.integers(5)
    if kind == 0:
        return name(rng)
    if kind == 1:
        return _BIG.format(int(rng.choice([19, 25, 400, 5_000])))
    if kind == 2:
        return f"@number {_NUMBERS[rng.integers(len(_NUMBERS))]}@"
    if kind == 3:
        return [value(rng) for _ in range(rng.integers(4))]
    return _PLAIN[rng.integers(len(_PLAIN))]


def twisted(rng: np.random.Generator, document: Any) -> Any:
    """A copy of a document in which one place or a few hold something else, or nothing."""
    copy = json.loads(json.dumps(document))
    for _ in range(int(rng.integers(1, 4))):
        places = list(_places(copy))
        if not places:
            return value(rng)
        holder, key = places[rng.integers(len(places))]
        if rng.integers(4) == 0:
            del holder[key]
        else:
            holder[key] = value(rng)
    return copy


def _places(document: Any, depth: int = 0) -> Iterator[tuple[Any, Any]]:
    """Containers and keys, the first few of long lists."""
    if isinstance(document, dict):
        items = list(document.items())
    else:
        items = list(enumerate(document[:3])) if isinstance(document, list) else []
    for key, inner in items:
        yield document, key
        if depth < 6:
            yield from _places(inner, depth + 1)


def dumped(document: Any) -> bytes:
    """JSON with the placeholders of `value` as what they stand for."""
    text = json.dumps(document, ensure_ascii=True)
    for digits in (19, 25, 400, 5_000):
        text = text.replace(json.dumps(_BIG.format(digits)), "7" * digits)
    for number in _NUMBERS:
        text = text.replace(json.dumps(f"@number {number}@"), number)
    return text.encode()


def jsons(rng: np.random.Generator, document: Any) -> Iterator[tuple[str, bytes]]:
    """Names and texts: ``document`` twisted again and again, among texts that are broken as a whole."""
    whole = dumped(document)
    broken: tuple[tuple[str, Callable[[], bytes]], ...] = (
        ("nothing", lambda: b""),
        ("nested lists", lambda: b"[" * 200_000),
        ("nested and closed", lambda: b"[" * 200_000 + b"]" * 200_000),
        ("nested a little", lambda: b'{"a":' * 900 + b"1" + b"}" * 900),
        ("not UTF-8", lambda: whole.replace(b"a", b"\xe9")),
        ("UTF-16", lambda: whole.decode("latin-1").encode("utf-16")),
        ("a mark in front", lambda: b"\xef\xbb\xbf" + whole),
        ("zeros", lambda: bytes(1_000)),
        ("cut off", lambda: whole[: rng.integers(len(whole))]),
        ("twice", lambda: whole + whole),
        ("a list", lambda: dumped([document])),
        ("a long text", lambda: json.dumps("x" * 3_000_000).encode()),
        ("many lists", lambda: b"[" + b"[]," * 300_000 + b"[]]"),
        ("nested inside", lambda: _nested_inside(rng, document)),
    )
    while True:
        for n in rng.permutation(len(broken)):
            for _ in range(6):
                yield "twisted", dumped(twisted(rng, document))
            yield "bytes", scattered(rng, whole)
            title, text = broken[n]
            yield title, text()


def _nested_inside(rng: np.random.Generator, document: Any) -> bytes:
    copy = json.loads(json.dumps(document))
    places = list(_places(copy))
    holder, key = places[rng.integers(len(places))]
    holder[key] = "@deep@"
    return dumped(copy).replace(b'"@deep@"', b"[" * 100_000 + b"]" * 100_000)


def scattered(rng: np.random.Generator, whole: bytes) -> bytes:
    """Some bytes changed, cut out or put in."""
    data = bytearray(whole)
    for _ in range(int(rng.integers(1, 6))):
        at = int(rng.integers(len(data) + 1))
        how = rng.integers(3)
        if how == 0 and at < len(data):
            data[at] = rng.integers(256)
        elif how == 1:
            del data[at : at + int(rng.integers(20))]
        else:
            data[at:at] = bytes(rng.integers(0, 256, int(rng.integers(8)), np.uint8))
    return bytes(data)
