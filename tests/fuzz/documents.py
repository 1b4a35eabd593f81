"""Files of JSON and TOML that avianvox reads besides models and gates, and catalogs of all sources."""

import json
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from fake_xeno_canto import row

from avianvox.audio.xeno_canto import answer_notes
from avianvox.config import read_toml
from avianvox.dataset.catalog import read_catalog
from avianvox.dataset.sources.annotations import read_settings
from avianvox.dataset.splits import Split
from avianvox.evaluation.saved_run import SavedRun
from avianvox.export.card import read_figures
from avianvox.features.layout import read_description
from avianvox.features.ledger import read_ledger
from avianvox.features.spec import FeatureSpec
from avianvox.inference.ledger import Ledger, ledger_path
from avianvox.tables.columns import HEADER
from avianvox.training.config import read_train_file
from avianvox.training.run import Run
from avianvox.types import Recording
from tests.fuzz.hostile import NAMES, dumped, jsons, scattered

_RECORDINGS = [Recording(f"XC{n}", Path(f"XC{n}.mp3"), "Vireo latimeri") for n in (1, 2)]
_SPLIT = {
    "kind": "avianvox split",
    "version": 1,
    "grouping": "session",
    "seed": 3,
    "unevaluable": [],
    "folds": [{"train": ["XC1"], "test": ["XC2"]}],
}
_ANSWER = {"numRecordings": "2", "numSpecies": "1", "page": 1, "numPages": 1, "recordings": [row(1), row(2)]}
_STORE = {"kind": "avianvox feature store", "format_version": 1, "spec": FeatureSpec().to_mapping()}
_RUN = {
    "kind": "avianvox run",
    "version": 1,
    "labels": ["a"],
    "common_names": [""],
    "features": FeatureSpec().to_mapping(),
    "train": {"model": "cnn_v20"},
}
_FOLDS = {
    "kind": "avianvox cross-validation",
    "format_version": 2,
    "labels": ["a", "b"],
    "groupings": ["random"],
    "models": ["gnb_mfcc"],
    "n_folds": 2,
    "seed": 0,
}
_FIGURES = {"models": {"gnb": {"groupings": {}}}, "settings": {"n_recordings": 3, "n_folds": 2, "seed": 0}}
_ENTRY = {
    "path": "a.wav",
    "size": 3,
    "time_ns": 5,
    "status": "ok",
    "message": "",
    "begin_time": "",
    "recorder": "",
    "header_s": 1.0,
    "decoded_s": 1.0,
    "n_windows": 1,
    "n_silent": 0,
    "n_gated": 0,
    "named": {"a": 1},
    "remarks": [],
    "offset": len(HEADER),
    "length": 0,
    "crc32": 0,
}
_HEAD = {"kind": "avianvox ledger", "version": 1, "finished": 0, "rows_sha256": "0" * 64, "settings": {}}
_TOML = '[train]\nmodel = "cnn_v20"\nepochs = 3\nlearning_rate = 0.01\n[features]\nn_mels = 64\n'
_CSV = "path,label,date,latitude,begin_s,end_s\na.wav,Vireo latimeri,2020-01-02,3.5,0,1\n"


def cases(rng: np.random.Generator, folder: Path) -> Iterator[tuple[str, Callable[[], object]]]:
    kinds: dict[str, tuple[Any, Callable[[Path, bytes], object]]] = {
        "split": (_SPLIT, _split),
        "answer": (_ANSWER, _answer),
        "store": (_STORE, _in("store.json", read_description)),
        "training run": (_RUN, _in("config.json", Run.open)),
        "cross-validation": (_FOLDS, _in("config.json", SavedRun.open)),
        "figures": (_FIGURES, _figures),
        "store's ledger": (_ENTRY, _store_ledger),
        "ledger's head": (_HEAD, _ledger_head),
        "ledger's line": (_ENTRY, _ledger_line),
    }
    texts = {name: jsons(rng, document) for name, (document, _) in kinds.items()}
    for number in range(10**9):
        for name, (_, use) in kinds.items():
            place = folder / f"{number}-{name}"
            place.mkdir()
            title, text = next(texts[name])
            yield f"{name}, {title}", partial(use, place, text)
        for name, use in (("settings", _toml), ("index", _csv), ("annotation settings", _annotations)):
            place = folder / f"{number}-{name}"
            place.mkdir()
            yield name, partial(use, place, _text(rng, name))


def _text(rng: np.random.Generator, kind: str) -> bytes:
    whole = _CSV if kind == "index" else _TOML
    if rng.integers(8) == 0:
        return (b"a = " + b"[" * 100_000, b"a = " + b"9" * 5_000, b"\xff" + whole.encode())[rng.integers(3)]
    if rng.integers(2):
        bad = NAMES[rng.integers(len(NAMES))].encode("utf-8", "surrogatepass")
        places = (b"Vireo latimeri", b"a.wav", b"3.5", b"cnn_v20", b"0.01", b"3")
        return whole.encode().replace(places[rng.integers(len(places))], bad)
    return scattered(rng, whole.encode())


def _in(name: str, read: Callable[[Path], object]) -> Callable[[Path, bytes], object]:
    def use(place: Path, text: bytes) -> None:
        (place / name).write_bytes(text)
        read(place)

    return use


def _split(place: Path, text: bytes) -> None:
    (place / "split.json").write_bytes(text)
    Split.load(place / "split.json", _RECORDINGS)


def _answer(place: Path, text: bytes) -> None:
    (place / "recordings.json").write_bytes(text)
    (place / "XC1.mp3").write_bytes(b"x")
    answer_notes(place / "XC1.mp3")
    read_catalog(place)


def _figures(place: Path, text: bytes) -> None:
    (place / "figures.json").write_bytes(text)
    read_figures(place / "figures.json", "gnb")


def _store_ledger(place: Path, text: bytes) -> None:
    (place / "ledger.jsonl").write_bytes(text + b"\n")
    read_ledger(place / "ledger.jsonl")


def _ledger_head(place: Path, text: bytes) -> None:
    _take_up(place, text + b"\n" + json.dumps(_ENTRY).encode() + b"\n")


def _ledger_line(place: Path, text: bytes) -> None:
    _take_up(place, dumped(_HEAD) + b"\n" + text + b"\n" + json.dumps(_ENTRY).encode() + b"\n")


def _take_up(place: Path, ledger: bytes) -> None:
    out = place / "t.csv"
    head, _, rest = ledger.partition(b"\n")
    head = head.replace(b'"settings": {}', b'"settings": {"rows": "the table itself"}')
    ledger_path(out).write_bytes(head + b"\n" + rest)
    (place / "t.csv.partial").write_text(HEADER)
    with Ledger(out, out, {}, resume=True) as taken:
        if taken.find("a.wav", 3, 5) is not None:
            taken.keep(0, "a.wav", 3, 5)
        list(taken.entries())
        taken.finish()


def _toml(place: Path, text: bytes) -> None:
    (place / "t.toml").write_bytes(text)
    read_toml(place / "t.toml", {"train": FeatureSpec, "features": FeatureSpec})
    read_train_file(place / "t.toml")


def _annotations(place: Path, text: bytes) -> None:
    (place / "annotations.toml").write_bytes(text)
    read_settings(place)


def _csv(place: Path, text: bytes) -> None:
    (place / "recordings.csv").write_bytes(text)
    read_catalog(place)
