"""A room imports only from rooms above it; heavy packages live where the design says."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parent.parent / "avianvox"

ROOMS = (
    (
        "words",
        "errors",
        "shown",
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
    ("tasks",),
    ("modelfolder", "modelinfo", "modelfile"),
    ("inference",),
    ("ears",),
    ("pages",),
    ("browser",),
    ("evaluation", "audit"),
    ("boxes",),
    ("scenes",),
    ("trigger",),
    ("calibration",),
    ("verdicts",),
    ("report", "judge", "overview"),
    ("models",),
    ("find",),
    ("training",),
    ("export",),
    ("ablation", "reproduce", "demo", "detect", "explain", "generate"),
    ("api",),
    ("desk",),
    ("cli",),
)
"""From top to bottom; modules of one row may import each other."""

HOMES = {
    "keras": {"models", "training", "export", "detect"},
    "tensorflow": {"models", "training", "export", "detect", "explain", "generate"},
    "ai_edge_quantizer": {"export"},
    "sklearn": {"api", "find", "models", "dataset", "evaluation", "audit", "calibration"},
    "scipy": {"models", "evaluation", "audit", "calibration", "report"},
    "usearch": {"find"},
    "optuna": {"ablation"},
    "librosa": set(),
    "onnxruntime": {"inference"},
    "distributed": {"workers"},
    "dask": {"workers"},
    "starlette": {"desk"},
    "uvicorn": {"desk"},
    "rich": {"cli"},
    "click": {"cli"},
}
"""Packages that may be imported in these rooms and nowhere else."""

LATE = {
    ("avianvox.features.kinds", "inference"),
    ("avianvox.inference.box_source", "boxes"),
    ("avianvox.inference.box_source", "detect"),
    ("avianvox.models", "training"),
    ("avianvox.shown", "api"),
    ("avianvox.tables.formats", "verdicts"),
}
"""Tables that name rows in a room below them, which are imported when somebody asks for them."""

ROW = re.compile(r"avianvox((?:\.\w+)+):(\w+)")
"""A row of a table, as `avianvox.registry.Registry` takes it."""

MADE = "__getattr__"
"""What a module that gives an attribute for any of several names has."""

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


def rows(path: Path) -> Iterator[tuple[str, str]]:
    """Modules and attributes that the tables of a module name."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        text = node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""
        if isinstance(node, ast.JoinedStr):  # a row for each name of another table: the module makes them
            text = "".join(
                str(part.value) if isinstance(part, ast.Constant) else MADE for part in node.values
            )
        if found := ROW.fullmatch(text):
            yield f"avianvox{found[1]}", found[2]


def names_in(module: str) -> set[str]:
    """What a module defines at its top, without importing it."""
    path = PACKAGE.joinpath(*module.split(".")[1:])
    path = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    assert path.is_file(), f"there is no module {module}"
    found: set[str] = set()
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef):
            found.add(node.name)
        elif isinstance(node, ast.Assign):
            found |= {target.id for target in node.targets if isinstance(target, ast.Name)}
    return found


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


@pytest.mark.parametrize("path", [path for path in modules() if list(rows(path))], ids=dotted)
def test_rows_of_tables_exist_and_lie_where_their_table_may_look(path: Path) -> None:
    table = dotted(path)
    for module, attribute in rows(path):
        assert attribute in names_in(module), f"{table} names {module}:{attribute}, which is not there"
        above = LEVEL[room_of(module)] <= LEVEL[room_of(table)]
        assert above or (table, room_of(module)) in LATE, f"{table} names {module}, in a room below it"


def test_tables_that_look_down_are_still_needed() -> None:
    down = {
        (dotted(path), room_of(module))
        for path in modules()
        for module, _ in rows(path)
        if LEVEL[room_of(module)] > LEVEL[room_of(dotted(path))]
    }
    assert down == LATE


def test_nothing_but_a_table_imports_by_name() -> None:
    for path in modules():
        text = path.read_text(encoding="utf-8")
        assert dotted(path) == "avianvox.registry" or "import_module" not in text, dotted(path)


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
