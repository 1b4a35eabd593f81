"""Synthetic sound is marked, and never judged together with real sound."""

from dataclasses import replace
from pathlib import Path

import pytest

from avianvox.audit.index import audit_recordings
from avianvox.dataset.catalog import Catalog, read_catalog
from avianvox.dataset.origins import refuse_mixture
from avianvox.dataset.sources.plain_csv import write_plain_csv
from avianvox.errors import CatalogError
from avianvox.evaluation.run_folder import RunFolder, read_recordings
from avianvox.judge.sounds import judged_set
from avianvox.runfolder import catalog_hash
from avianvox.types import Box, Recording

REAL = tuple(Recording(f"r{i}", Path(f"r{i}.wav"), "Parus major", recordist=f"R{i}") for i in range(3))
MADE = tuple(
    Recording(f"s{i}", Path(f"s{i}.wav"), "Parus major", origin="scene", made_of=("r1", "r2"), count=i)
    for i in range(2)
)


def test_a_catalog_keeps_how_sound_was_made(tmp_path: Path) -> None:
    write_plain_csv(tmp_path / "recordings.csv", [*REAL, *MADE])
    read = read_catalog(tmp_path).recordings
    assert [(r.origin, r.made_of, r.count) for r in read] == [("", (), None)] * 3 + [
        ("scene", ("r1", "r2"), 0),
        ("scene", ("r1", "r2"), 1),
    ]
    assert [r.synthetic for r in read] == [False] * 3 + [True] * 2


def test_catalogs_of_real_recordings_are_written_as_before(tmp_path: Path) -> None:
    write_plain_csv(tmp_path / "recordings.csv", REAL)
    assert "origin" not in (tmp_path / "recordings.csv").read_text()
    assert catalog_hash(MADE) == catalog_hash([replace(r, origin="", made_of=()) for r in MADE])


def test_earlier_synthetic_voices_are_known_by_their_licence(tmp_path: Path) -> None:
    (tmp_path / "recordings.csv").write_text("path,label,licence\na.wav,Fictornis mendax,synthetic\n")
    assert read_catalog(tmp_path).recordings[0].origin == "voices"


def test_a_count_that_is_no_whole_number_is_kept_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "recordings.csv").write_text(
        "path,label,count\na.wav,Parus major,many\nb.wav,Parus major,7\n"
    )
    found = read_catalog(tmp_path).recordings
    assert [(r.count, r.more) for r in found] == [(None, (("count", "many"),)), (7, ())]


def test_run_folders_keep_the_mark_and_open_without_it(tmp_path: Path) -> None:
    run = RunFolder(tmp_path / "run", {})
    boxed = replace(MADE[0], id="b", boxes=(Box(0.0, 1.0, 500.0, 900.0, "Parus major"),))
    run.write_catalog([*REAL, *MADE, boxed])
    assert "made_of" not in (tmp_path / "run" / "catalog.json").read_text().partition('"s0"')[0]
    read = [replace(r, path=Path(r.path.name)) for r in read_recordings(run.path)]
    assert read == [*REAL, *MADE, boxed]


def test_real_and_synthetic_recordings_are_not_judged_together() -> None:
    message = "2 of 5 recordings are synthetic .*: skill is judged on real recordings alone"
    for judge in (refuse_mixture, judged_set):
        with pytest.raises(CatalogError, match=message):
            judge([*REAL, *MADE])
    assert refuse_mixture(REAL) == judged_set(REAL).remark == ""
    assert refuse_mixture([*REAL, replace(MADE[0], label="")]) == ""
    assert judged_set(MADE).remark.startswith("all 2 recordings are synthetic (calls of real recordings")


def test_an_audit_names_synthetic_recordings() -> None:
    for rows, level in (((*REAL, *MADE), "alarm"), (MADE, "warning")):
        found = audit_recordings(rows, {}, Catalog(tuple(rows)).labels)
        assert [(f.level, f.kind) for f in found.findings if f.kind == "synthetic"] == [(level, "synthetic")]
    assert not [f for f in audit_recordings(REAL, {}, Catalog(REAL).labels).findings if f.kind == "synthetic"]
