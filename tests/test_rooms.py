"""A room imports only from rooms above it; heavy packages live where the design says."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parent.parent / "avianvox"

ROOMS = (
    (
        "words",
        "errors",
        "types",
        "registry",
        "config",
        "randomness",
        "files",
        "texts",
        "documents",
        "signals",
        "lock",
        "runfolder",
        "zip_tail",
        "workers",
    ),
    ("tables",),
    ("audio",),
    ("features",),
    ("dataset",),
    ("modelfolder", "modelfile"),
    ("inference",),
    ("ears",),
    ("pages",),
    ("evaluation", "audit"),
    ("calibration",),
    ("report", "judge"),
    ("models",),
    ("find",),
    ("training",),
    ("export",),
    ("reproduce", "demo"),
    ("cli",),
)
"""From top to bottom; modules of one row may import each other."""

HOMES = {
    "keras": {"models", "training", "export"},
    "tensorflow": {"models", "training", "export"},
    "ai_edge_quantizer": {"export"},
    "sklearn": {"find", "models", "dataset", "evaluation", "audit", "calibration"},
    "scipy": {"models", "evaluation", "audit", "calibration", "report"},
    "usearch": {"find"},
    "librosa": set(),
    "onnxruntime": {"inference"},
    "distributed": {"workers"},
    "dask": {"workers"},
    "rich": {"cli"},
    "click": {"cli"},
}
"""Packages that may be imported in these rooms and nowhere else."""

LEVEL = {room: level for level, rooms in enumerate(ROOMS) for room in rooms}


def modules() -> list[Path]:
    return sorted(
        p for p in PACKAGE.rglob("*.py") if p.parent != PACKAGE or p.stem not in ("__init__", "__main__")
    )


def dotted(path: Path) -> str:
    return ".".join(("avianvox", *path.relative_to(PACKAGE).with_suffix("").parts)).removesuffix(".__init__")


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{dotted(path)} uses a relative import; write it out"
            assert node.module is not None
            if node.module == "avianvox":
                yield from (f"avianvox.{alias.name}" for alias in node.names if alias.name[0] != "_")
            else:
                yield node.module


def room_of(module: str) -> str:
    return module.split(".")[1]


@pytest.mark.parametrize("path", modules(), ids=dotted)
def test_imports_point_upward(path: Path) -> None:
    module = dotted(path)
    room = room_of(module)
    assert room in LEVEL, f"{module}: room '{room}' is not in the table of rooms"
    for imported in imports(path):
        top = imported.split(".")[0]
        if imported.startswith("avianvox."):
            assert LEVEL[room_of(imported)] <= LEVEL[room], f"{module} imports {imported}, a room below it"
        elif top in HOMES:
            assert room in HOMES[top], (
                f"{module} imports {top}, which belongs to {sorted(HOMES[top]) or 'tests'}"
            )


def test_the_top_room_needs_numpy_alone() -> None:
    import sys

    for path in modules():
        room = dotted(path).split(".")[1]
        for imported in imports(path) if room in ROOMS[0] else ():
            top = imported.split(".")[0]
            known = top in ("numpy", "avianvox") or top in sys.stdlib_module_names
            assert known or room in HOMES.get(top, ()), f"{dotted(path)} imports {imported}"


def test_every_table_row_resolves() -> None:
    """A row that points nowhere is found here and not by a user."""
    from avianvox.cli.main import COMMANDS, SUMMARIES

    assert list(COMMANDS) == list(SUMMARIES)
    for name in COMMANDS:
        assert COMMANDS.get(name).name == name
