"""What of the site comes from the code: commands, Python names, tables of names, model cards, the changelog.

``conf.py`` calls `write_all` before Sphinx reads the pages. Nothing here is written by hand, so it cannot
differ from what the commands do; ``docs/reference`` is made anew at each build and is not in the repository.
"""

import inspect
import re
from collections.abc import Iterable
from dataclasses import fields
from pathlib import Path

import click
from click.testing import CliRunner

import avianvox
from avianvox.cli.foreign import FOREIGN
from avianvox.cli.main import COMMANDS, SUMMARIES, cli
from avianvox.dataset.sources import SOURCES
from avianvox.inference.periods import PERIODS
from avianvox.inference.pooling import POOLINGS
from avianvox.modelfile import read_model_file
from avianvox.models import LADDER, MODELS, TRAINABLE
from avianvox.models import SUMMARIES as MODEL_SUMMARIES
from avianvox.tables.columns import DECIMALS, TABLE_VERSION, WHOLE
from avianvox.tables.formats import FORMATS, STREAMS, WRITE_ONLY
from avianvox.types import Detection

ROOT = Path(__file__).parents[1]
REPOSITORY = "https://github.com/avianvox/avianvox"
HELP_WIDTH = 80


def write_all(folder: Path) -> None:
    """Write every generated page into ``folder``."""
    pages = {
        "changelog.md": changelog(),
        "python-api.md": python_api(),
        "names.md": names(),
        "options-elsewhere.md": options_elsewhere(),
        "commands.md": commands(),
        **{f"commands/{name}.md": command_page(name) for name in COMMANDS},
    }
    cards = {f"models/{path.stem}.md": card(path) for path in sorted(ROOT.glob("avianvox/bundled/*.tflite"))}
    pages |= cards | {"models.md": models(list(cards))}
    for name, text in pages.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
    for path in folder.rglob("*.md"):
        if path.relative_to(folder).as_posix() not in pages:
            path.unlink()


def commands() -> str:
    """The list of commands, with a page for each."""
    rows = [f"| [`avianvox {name}`](commands/{name}.md) | {summary} |" for name, summary in SUMMARIES.items()]
    return _lines(
        "# Commands",
        "Each page below is what `avianvox COMMAND -h` prints: all options, and examples that the tests run.",
        _table(("command", "what it does"), rows),
        "Exit codes of every command: 0 done, 1 failed, 2 wrong usage, 3 finished but some inputs failed. "
        "Results go to standard output, everything else to standard error.",
        _contents(f"commands/{name}" for name in COMMANDS),
    )


def command_page(name: str) -> str:
    """One command, or one group with its commands, as their help texts stand on a terminal."""
    command = COMMANDS.get(name)
    parts = [f"# avianvox {name}", SUMMARIES[name], _help(name)]
    for child in sorted(command.commands) if isinstance(command, click.Group) else ():
        parts += [f"## avianvox {name} {child}", _help(name, child)]
    return _lines(*parts)


def _help(*command: str) -> str:
    shown = CliRunner().invoke(cli, [*command, "-h"], prog_name="avianvox", terminal_width=HELP_WIDTH)
    assert shown.exit_code == 0, shown.output
    return f"```text\n{shown.output.rstrip()}\n```"


def python_api() -> str:
    """The public names of the package, with their docstrings."""
    parts = [
        "# Public names",
        "`import avianvox as av`. These are all public names; the same functions run the commands.",
    ]
    for name in sorted(set(avianvox.__all__), key=str.casefold):
        if name.startswith("__"):
            continue
        thing = getattr(avianvox, name)
        if inspect.isclass(thing):
            lines = [f".. autoclass:: avianvox.{name}", *_members(thing)]
        else:
            lines = [f".. auto{'function' if callable(thing) else 'data'}:: avianvox.{name}"]
        parts.append(_lines("```{eval-rst}", *lines, "```", gap="\n"))
    return _lines(*parts)


def _members(thing: type) -> list[str]:
    """All members that are ours, inherited ones too; scikit-learn makes methods of its own."""
    foreign = [base.__name__ for base in thing.__mro__ if base.__module__.partition(".")[0] != "avianvox"]
    made = [member for member in dir(thing) if re.fullmatch(r"set_\w+_request", member)]
    return [
        "   :members:",
        f"   :inherited-members: {', '.join(foreign)}",
        *([f"   :exclude-members: {', '.join(made)}"] if made else []),
    ]


def names() -> str:
    """The tables of names that commands and settings take."""
    columns = [f"| `{f.name}` | {_kind(f.name)} |" for f in fields(Detection)]
    formats = [f"| `{name}` | {_endings(name)} | {_manner(name)} |" for name in FORMATS]
    models = [
        f"| `{name}` | {MODEL_SUMMARIES.get(name, '')} | {_yes(name in TRAINABLE)} | {_yes(name in LADDER)} |"
        for name in MODELS
    ]
    return _lines(
        "# Tables of names",
        "## Columns",
        f"Of a table of detections, version {TABLE_VERSION}; [Tables](../tables.md) says what they hold.",
        _table(("column", "kind"), columns),
        "## Formats",
        _table(("format", "file endings", "tables"), formats),
        "## Models that can be trained or compared",
        _table(("model", "what it is", "`train`", "in the ladder"), models),
        "## Sources of catalogs",
        _list(SOURCES),
        "## Poolings of windows",
        _list(POOLINGS),
        "## Periods (`--by`)",
        _list(PERIODS),
    )


def _kind(column: str) -> str:
    if column in WHOLE:
        return "whole number"
    return f"number, {DECIMALS[column]} decimals" if column in DECIMALS else "text"


def _endings(name: str) -> str:
    return ", ".join(f"`{ending}`" for ending in FORMATS.get(name).endings) or "none"


def _manner(name: str) -> str:
    said = ["one for each recording" if FORMATS.get(name).one_per_recording else "one for all recordings"]
    said += ["can be streamed to standard output"] * (name in STREAMS)
    said += ["not read back"] * (name in WRITE_ONLY)
    return ", ".join(said)


def _yes(value: bool) -> str:
    return "yes" if value else ""


def options_elsewhere() -> str:
    """Options of other programs that our commands answer with the name of theirs."""
    parts = [
        "# Options of other programs",
        "These options are refused in one line that names what serves here, so that a script that was copied "
        "never does something else than meant. The table is the one that the commands use.",
    ]
    for command, options in FOREIGN.items():
        rows = [f"| `{option}` | {_serves(serves)} |" for option, serves in options.items()]
        parts += [f"## avianvox {command}", _table(("typed", "here"), rows)]
    return _lines(*parts)


def _serves(text: str) -> str:
    return re.sub(r"(--[a-z-]+(?: raven| event)?|avianvox [a-z]+)", r"`\1`", text)


def models(cards: list[str]) -> str:
    """The list of bundled models, with their cards."""
    return _lines(
        "# Model cards",
        "Each page is the card that lies in the model file itself: use, limits, figures on held-out sessions,"
        " licences and the recordists. `avianvox models info --card NAME` prints that of any model you have.",
        "[Models that others trained](../ears.md) are added once, and then have a card too.",
        _contents(card.removesuffix(".md") for card in cards),
    )


def card(path: Path) -> str:
    """The card of a model file."""
    return read_model_file(path).card


def changelog() -> str:
    """The changelog, with links as they stand on the site."""
    return (ROOT / "CHANGELOG.md").read_text(encoding="utf-8").replace("](docs/", "](../")


def on_site(text: str) -> str:
    """A page with links out of ``docs`` leading to the repository."""
    return re.sub(r"\]\(\.\./(?!\.)([^)\s]+)\)", _outside, text)


def _outside(match: re.Match[str]) -> str:
    place = match[1]
    inside = (ROOT / "docs" / place.partition("#")[0]).exists()  # of a page in docs/reference
    kind = "tree" if (ROOT / place).is_dir() else "blob"
    return match[0] if inside else f"]({REPOSITORY}/{kind}/main/{place})"


def _table(head: tuple[str, ...], rows: list[str]) -> str:
    return "\n".join([f"| {' | '.join(head)} |", "|---" * len(head) + "|", *rows])


def _list(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _contents(pages: Iterable[str]) -> str:
    return "\n".join(["```{toctree}", ":hidden:", "", *pages, "```"])


def _lines(*parts: str, gap: str = "\n\n") -> str:
    return gap.join(parts) + "\n"
