"""Windows of a store in groups, and what to label next: right on sounds whose groups are known."""

import csv
import io
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import soundfile
from click.testing import CliRunner, Result

from avianvox.cli.main import cli
from avianvox.errors import InputError
from avianvox.features.store import FeatureStore
from avianvox.find.cluster import Clusters, cluster
from avianvox.find.items import Items
from avianvox.find.labels import Labelled, place_labels, read_labels
from avianvox.find.places import Places
from avianvox.find.rules import RULES
from avianvox.find.suggest import suggest
from avianvox.find.windows import Windows

RATE = 22050
TONES_HZ = (700, 1500, 3000, 6000)
N_EACH = 5


def run(*arguments: object) -> Result:
    return CliRunner().invoke(cli, [str(argument) for argument in arguments])


def tone(hz: float, n: int, seed: int) -> np.ndarray:
    """A tone that warbles and fades, a little different for each seed, in faint noise."""
    rng = np.random.default_rng(seed)
    t = np.arange(n) / RATE
    wave = np.sin(2 * np.pi * hz * (1 + 0.02 * rng.random()) * t + 2 * np.sin(2 * np.pi * 5 * t))
    return 0.3 * wave * (1 + 0.3 * np.sin(2 * np.pi * 3 * t + rng.random())) + 1e-3 * rng.standard_normal(n)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twenty recordings of four tones, each two windows of a tone and two silent ones, and their store."""
    folder = tmp_path_factory.mktemp("find")
    length = 128 * 512  # about a window of published_v1
    for k, hz in enumerate(TONES_HZ):
        (folder / "birds" / f"tone {k}").mkdir(parents=True)
        for i in range(N_EACH):
            sound = tone(hz, 4 * length, 10 * k + i)
            sound[2 * length - 4096 :] = 0.0
            soundfile.write(folder / "birds" / f"tone {k}" / f"{k}{i}.wav", sound, RATE)
    done = run("features", "build", folder / "birds", "--out", folder / "store", "--jobs", 1)
    assert done.exit_code == 0, done.output
    return folder


@pytest.fixture(scope="module")
def windows(folder: Path) -> Windows:
    return Windows.of(FeatureStore.open(folder / "store"))


def truth(windows: Windows) -> np.ndarray:
    """The tone of each window's recording."""
    return np.array([windows.store.ids[p].split("/")[0] for p in windows.position.tolist()])


def table(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_silent_windows_are_left_out(windows: Windows) -> None:
    kept = windows.audible()
    heard = windows.at(kept)
    assert set(heard.position.tolist()) == set(range(len(windows.store)))
    assert heard.begin_s.max() < 2 * 128 * 512 / RATE <= windows.at(~kept).end_s.min()


def test_groups_that_are_known_are_found(windows: Windows) -> None:
    heard = windows.at(windows.audible())
    groups = cluster(heard, n=len(TONES_HZ))
    pairs = Counter(zip(groups.cluster.tolist(), truth(heard).tolist(), strict=True))
    assert len(pairs) == len(TONES_HZ)  # purity 1
    assert np.all(np.diff(np.bincount(groups.cluster)) <= 0)
    assert [groups.name(c) for c in range(2)] == ["cluster 1", "cluster 2"]


def test_examples_come_from_different_recordings(windows: Windows) -> None:
    groups = cluster(windows.at(windows.audible()), n=len(TONES_HZ))
    shown = groups.windows.position[groups.examples(0, N_EACH)]
    assert len(set(shown.tolist())) == N_EACH
    nearest = groups.members(0)
    assert groups.examples(0, 1).tolist() == nearest[:1].tolist()
    assert np.all(np.diff(groups.likeness[nearest]) <= 0)


def test_the_nearest_are_those_most_like_their_centre(windows: Windows) -> None:
    groups = cluster(windows.at(windows.audible()), n=len(TONES_HZ))
    near = groups.nearest(0.5)
    assert len(near.windows) == len(near.cluster) == len(groups.windows) // 2
    assert near.likeness.min() >= np.median(groups.likeness)
    assert len(groups.nearest(1.0).windows) == len(groups.windows)
    assert np.array_equal(groups.nearest(1.0).cluster, groups.cluster)


def test_what_is_left_of_clusters_is_numbered_by_its_size(windows: Windows) -> None:
    """The first one loses all of its windows, the second one all but one."""
    some = windows.at(np.arange(9))
    groups = Clusters(
        some, np.array([0, 0, 0, 0, 1, 1, 1, 2, 2]), np.float32([1, 1, 1, 1, 3, 1, 1, 3, 3]) / 4, 3
    )
    near = groups.nearest(1 / 3)
    assert (near.cluster.tolist(), near.n_clusters) == ([1, 0, 0], 2)
    assert (near.name(0), near.windows.row.tolist()) == ("cluster 1", some.row[[4, 7, 8]].tolist())


def test_the_same_seed_gives_the_same_groups(windows: Windows) -> None:
    one, other = (cluster(windows, n=6, seed=3) for _ in range(2))
    assert one.cluster.tolist() == other.cluster.tolist()
    assert one.likeness.tobytes() == other.likeness.tobytes()


@pytest.mark.parametrize("seed", [-1, 10**30])
def test_any_whole_number_is_a_seed(windows: Windows, seed: int) -> None:
    assert cluster(windows, n=6, seed=seed).n_clusters == 6


@pytest.mark.filterwarnings("error")
def test_equal_windows_are_one_group(windows: Windows) -> None:
    same = windows.at(np.flatnonzero(~windows.audible()))
    assert cluster(same, n=2).n_clusters == 1


def test_a_quiet_store_says_so(windows: Windows) -> None:
    none = Items.of_windows(windows, np.zeros(len(windows), bool))
    with pytest.raises(InputError, match="every window of the store is quiet"):
        suggest(none, Labelled(), n=1)


def test_more_groups_than_windows_are_refused(windows: Windows) -> None:
    with pytest.raises(InputError, match=r"at least as many windows as clusters \(9\), got 3"):
        cluster(windows.at(np.arange(3)), n=9)


@pytest.mark.parametrize("rule", ["both", "diverse", "uncertain"])
@pytest.mark.parametrize("by", [Items.of_recordings, Items.of_windows])
def test_the_first_suggestions_are_all_of_other_groups(windows: Windows, rule: str, by: object) -> None:
    items = by(windows, windows.audible())  # type: ignore[operator]
    chosen = suggest(items, Labelled(), n=len(TONES_HZ), rule=rule)
    tones = truth(windows)[[items.members[row.item][0] for row in chosen]]
    assert sorted(tones) == sorted(f"tone {k}" for k in range(len(TONES_HZ)))
    assert {(row.guess, row.score) for row in chosen} == {("", None)}


def labelled(windows: Windows, ids: list[str], labels: list[str]) -> Labelled:
    at = windows.store.indices_of(ids)
    return Labelled(tuple(labels), tuple(np.flatnonzero(windows.position == p) for p in at))


@pytest.mark.parametrize("rule", list(RULES))
@pytest.mark.parametrize("by", [Items.of_recordings, Items.of_windows])
def test_what_has_a_label_is_never_suggested(windows: Windows, rule: str, by: object) -> None:
    items = by(windows, windows.audible())  # type: ignore[operator]
    given = labelled(windows, ["tone 0/00.wav", "tone 1/10.wav", "tone 2/20.wav"], ["a", "b", "?"])
    chosen = suggest(items, given, n=10_000, rule=rule)
    taken = np.concatenate([items.members[row.item] for row in chosen])
    assert not set(taken.tolist()) & set(np.concatenate(given.windows).tolist())
    if rule != "both" or len(items) < 100:
        assert len(chosen) == len(items) - sum(
            any(m in np.concatenate(given.windows) for m in group) for group in items.members
        )
    assert {row.guess for row in chosen} <= {"a", "b"}


def test_what_the_labels_leave_open_comes_first(windows: Windows) -> None:
    """Two tones have labels of two recordings each; the suggestions are of the two others."""
    items = Items.of_recordings(windows, windows.audible())
    ids = ["tone 0/00.wav", "tone 0/01.wav", "tone 1/10.wav", "tone 1/11.wav"]
    chosen = suggest(items, labelled(windows, ids, ["a", "a", "b", "b"]), n=2)
    assert sorted(windows.store.ids[row.item].split("/")[0] for row in chosen) == ["tone 2", "tone 3"]


def test_the_same_seed_gives_the_same_suggestions(windows: Windows) -> None:
    items = Items.of_windows(windows, windows.audible())
    one, same, other = (suggest(items, Labelled(), n=8, rule="random", seed=s) for s in (1, 1, 2))
    assert one == same != other


def test_nothing_left_is_one_line(windows: Windows) -> None:
    items = Items.of_recordings(windows, windows.audible())
    everything = labelled(windows, list(windows.store.ids), ["a"] * len(windows.store))
    with pytest.raises(InputError, match="nothing left to suggest"):
        suggest(items, everything, n=1)


SEMICOLONS = "Datei;FILE;Begin_s;End_s;Label\nx;00.wav;0,5;1;Turdus merula\nx;01;;;?\nx;02.wav;;;\n"


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "cp1252"])
def test_labels_of_a_spreadsheet_are_read(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "labels.csv"
    path.write_text(SEMICOLONS.replace("Turdus merula", "Ménure_lyre"), encoding=encoding)
    found, problems = read_labels(path)
    assert problems == []
    assert [(row.name, row.begin_s, row.end_s, row.label) for row in found] == [
        ("00.wav", 0.5, 1.0, "Ménure lyre"),
        ("01", None, None, "?"),
    ]


def test_labels_find_their_windows(windows: Windows, tmp_path: Path) -> None:
    places = Places.of(windows.store)
    path = tmp_path / "labels.csv"
    path.write_text(
        "path,begin_s,end_s,label\n00.wav,0.1,0.2,a\ntone 1/10.wav,,,b\nelsewhere/tone 2/20.wav,,,c\n"
        "nowhere.wav,,,d\n01.wav,500,501,e\n"
    )
    found = place_labels(read_labels(path)[0], windows, places)
    assert found.labels == ("a", "b", "c")
    assert windows.row[found.windows[0]].tolist() == [0]
    assert [set(windows.position[group].tolist()) for group in found.windows] == [
        {windows.store.index_of(name)} for name in ("tone 0/00.wav", "tone 1/10.wav", "tone 2/20.wav")
    ]
    assert found.problems == (
        f"{path}, line 5: nowhere.wav: the store has no such recording",
        f"{path}, line 6: 01.wav: no window of the store lies there",
    )


@pytest.mark.parametrize(
    ("row", "why"),
    [
        ("00.wav,2,1,a", "expected a begin and an end after it, or neither; found '2' and '1'"),
        ("00.wav,2,,a", "expected a begin and an end after it, or neither; found '2' and ''"),
        ("00.wav,-2,1,a", "expected a begin and an end after it"),
        ("00.wav,x,1,a", "expected a number, got 'x'"),
        (",1,2,a", "the label 'a' has no file"),
    ],
)
def test_a_bad_label_is_one_line(tmp_path: Path, row: str, why: str) -> None:
    path = tmp_path / "labels.csv"
    path.write_text(f"path,begin_s,end_s,label\n{row}\n01.wav,1,2,b\n")
    (label,), (problem,) = read_labels(path)
    assert (label.name, label.label) == ("01.wav", "b")
    assert problem.startswith(f"{path}, line 2")
    assert why in problem
    assert "\n" not in problem


def test_a_file_is_found_by_an_id_without_its_ending(tmp_path: Path) -> None:
    """As ids of xeno-canto are, where no catalog says what the files are called."""
    places = Places(("XC1", "XC2", "a/XC3#1.000-2.000"), ("XC1", "XC2", "a/XC3"), (None, None, (1.0, 2.0)))
    names = ("XC2", "XC2.mp3", "audio/XC1.mp3", "XC3.wav", "XC4.mp3")
    assert [places.find(name, beside=tmp_path / "l.csv") for name in names] == [[1], [1], [0], [2], []]
