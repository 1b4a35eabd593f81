"""The last minute of a stream: what is asked for comes out as it went in, and what is forgotten is gone."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from avianvox.audio.tape import Tape

RATE = 100


@given(
    st.lists(st.integers(0, 90), min_size=1, max_size=12),
    st.integers(0, 700),
    st.integers(0, 700),
    st.integers(0, 300),
)
def test_a_span_is_what_went_in(lengths: list[int], first: int, end: int, forgotten: int) -> None:
    sound = np.arange(sum(lengths), dtype=np.float32)
    tape = Tape(RATE)
    for at, length in zip(np.cumsum([0, *lengths[:-1]]), lengths, strict=True):
        tape.push(sound[at : at + length])
    tape.forget(forgotten / RATE)
    found_first, found = tape.cut(first / RATE, end / RATE)
    wanted = sound[first:end]
    if first >= forgotten:
        assert found.tolist() == wanted.tolist()
        assert found_first == first or not len(found)
    else:  # at least what was not forgotten
        kept = wanted[max(0, forgotten - first) :]
        assert found[len(found) - len(kept) :].tolist() == kept.tolist()
        assert not len(found) or found_first == found[0]


def test_a_pause_is_silence_and_only_between_sounds() -> None:
    tape = Tape(RATE)
    tape.push(np.ones(RATE, np.float32))
    tape.go_on_at(3.0)
    tape.push(np.full(RATE, 2, np.float32))
    assert tape.end_s == 4.0
    first, span = tape.cut(-1.0, 9.0)
    assert first == 0
    assert span.tolist() == [1.0] * RATE + [0.0] * 2 * RATE + [2.0] * RATE
    first, span = tape.cut(1.5, 3.5)
    assert (first, span.tolist()) == (3 * RATE, [2.0] * (RATE // 2))
    assert len(tape.cut(1.0, 3.0)[1]) == 0


def test_memory_is_what_is_not_forgotten() -> None:
    tape = Tape(RATE)
    for n in range(1000):
        tape.push(np.zeros(RATE, np.float32))
        tape.forget(n - 9.0)
    assert tape.n_bytes == 10 * RATE * 4
    assert tape.cut(0.0, 900.0)[1].size == 0
