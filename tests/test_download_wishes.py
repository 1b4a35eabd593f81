"""Which recordings are taken: filters, caps, and an order that is stated."""

from collections import Counter
from typing import Any

import pytest
from fake_xeno_canto import row
from hypothesis import given
from hypothesis import strategies as st

from avianvox.dataset.download.answers import Sound
from avianvox.dataset.download.wishes import Plan, Wishes, choose
from avianvox.errors import InputError

QUERY = "gen:Vireo"


def sound(number: int, **changes: Any) -> Sound:
    return Sound.from_row(
        {"file": f"https://xeno-canto.org/{number}/download", **row(number, **changes)}, "here"
    )


def ids(plan: Plan) -> list[int]:
    return [sound.number for sound in plan.chosen]


ANY = [
    sound(1, q="A", length="0:05"),
    sound(2, q="B", length="1:00"),
    sound(3, q="C", length="1:02:03", lic="//creativecommons.org/licenses/by-nc-nd/2.5/"),
    sound(4, q="no score", length="?", lic=""),
    sound(5, q="E", length="0:20", file=""),
    sound(6, q="D", length="0:20", lic="//creativecommons.org/publicdomain/zero/1.0/"),
]


@pytest.mark.parametrize(
    ("wishes", "chosen", "left_out"),
    [
        ({}, [1, 2, 3, 4, 6], {}),
        ({"min_quality": "B"}, [1, 2], {"quality below B": 3}),
        ({"min_length_s": 20}, [2, 3, 6], {"length unknown": 1, "shorter than 20 s": 1}),
        ({"max_length_s": 60}, [1, 2, 6], {"length unknown": 1, "longer than 60 s": 1}),
        ({"no_derivatives": False}, [1, 2, 6], {"licence unknown": 1, "no derivatives allowed": 1}),
        ({"per_species": 2}, [1, 2], {"above 2 per species": 3}),
    ],
)
def test_filters(wishes: dict[str, Any], chosen: list[int], left_out: dict[str, int]) -> None:
    plan = choose(ANY, Wishes(QUERY, **wishes))
    assert ids(plan) == chosen
    assert plan.left_out == {**left_out, "sound withheld by xeno-canto": 1}


def test_what_a_plan_adds_up_to() -> None:
    plan = choose([sound(1), sound(2, **{"file-name": "Song.WAV"}), sound(3, length="?")], Wishes(QUERY))
    assert (plan.seconds, plan.n_species) == (60, 1)
    assert plan.bytes_about == 30 * (16_300 + 92_000)
    assert [s.name for s in plan.chosen] == ["XC1.mp3", "XC2.wav", "XC3.mp3"]


def test_caps_hold_within_a_species() -> None:
    same_day = {"date": "2020-05-06"}
    found = [
        *(sound(n, rec="A", **same_day) for n in range(1, 5)),
        *(sound(n, rec="A", date=f"2020-06-{n:02d}") for n in range(5, 9)),
        *(sound(n, rec="B", **same_day) for n in range(9, 13)),
        *(sound(n, rec="A", sp="griseus", **same_day) for n in range(13, 17)),
    ]
    by_session = choose(found, Wishes(QUERY, per_session=2))
    assert Counter((s.row["sp"], s.recording.session) for s in by_session.chosen).most_common(1)[0][1] == 2
    assert len(by_session.chosen) == 2 + 4 + 2 + 2
    by_recordist = choose(found, Wishes(QUERY, per_recordist=3))
    assert Counter((s.row["sp"], s.row["rec"]) for s in by_recordist.chosen) == {
        ("latimeri", "A"): 3,
        ("latimeri", "B"): 3,
        ("griseus", "A"): 3,
    }


def test_unknown_recordists_are_not_one_person() -> None:
    found = [sound(n, rec="", date="", loc="") for n in range(1, 5)]
    assert len(choose(found, Wishes(QUERY, per_recordist=1, per_session=1)).chosen) == 4


def test_the_better_rating_comes_first_and_the_seed_draws_among_equals() -> None:
    found = [sound(n, q="AB"[n % 2]) for n in range(100)]
    drawn = {seed: ids(choose(found, Wishes(QUERY, per_species=20, seed=seed))) for seed in (0, 1)}
    assert all(number % 2 == 0 for numbers in drawn.values() for number in numbers)
    assert drawn[0] != drawn[1]
    assert drawn[0][:6] == [0, 6, 16, 24, 30, 32]  # on every machine


@given(st.permutations(range(12)), st.integers(1, 4), st.integers(1, 4))
def test_the_order_of_the_answer_changes_nothing_and_more_keeps_what_was_taken(
    order: list[int], cap: int, more: int
) -> None:
    sounds = [sound(n, q="ABC"[n % 3]) for n in range(12)]
    plan = choose([sounds[place] for place in order], Wishes(QUERY, per_species=cap))
    assert plan == choose(sounds, Wishes(QUERY, per_species=cap))
    assert len(plan.chosen) == cap
    assert set(ids(plan)) <= set(ids(choose(sounds, Wishes(QUERY, per_species=cap + more))))


@pytest.mark.parametrize(
    ("wishes", "words"),
    [
        ({"query": " "}, "the query is empty"),
        ({"min_quality": "F"}, "from A to E, got 'F'"),
        ({"per_session": 0}, "per_session: expected at least 1"),
        ({"min_length_s": 9, "max_length_s": 8}, "minimum duration 9 s: expected at most the maximum, 8 s"),
    ],
)
def test_impossible_wishes(wishes: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        Wishes(**{"query": QUERY, **wishes})
