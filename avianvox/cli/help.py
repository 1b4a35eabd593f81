"""How help is laid out: lines of the terminal's width, and no option or word cut at a hyphen."""

import click

_HYPHEN = "\ue000"  # stands in for "-" while click breaks lines, which it does at hyphens


class WholeWords(click.HelpFormatter):
    """Breaks lines at spaces only, and wraps every paragraph but those with indented lines."""

    def write(self, string: str) -> None:
        super().write(string.replace(_HYPHEN, "-"))

    def write_usage(self, prog: str, args: str = "", prefix: str | None = None) -> None:
        super().write_usage(prog, _kept(args), prefix)

    def write_heading(self, heading: str) -> None:
        super().write_heading(_kept(heading))

    def write_text(self, text: str) -> None:
        paragraphs = (_flowing(paragraph) for paragraph in text.split("\n\n"))
        super().write_text(_kept("\n\n".join(paragraphs)))

    def write_dl(self, rows: "list[tuple[str, str]]", col_max: int = 30, col_spacing: int = 2) -> None:  # type: ignore[override]
        kept = [(_kept(term), _kept(text)) for term, text in rows]
        super().write_dl(kept, col_max, col_spacing)


class Context(click.Context):
    """A context whose help is laid out so."""

    formatter_class = WholeWords


def lay_out(command: click.Command) -> click.Command:
    """Have the help of a command, and of those below it, written by `WholeWords`."""
    command.context_class = Context
    for below in command.commands.values() if isinstance(command, click.Group) else ():
        lay_out(below)
    return command


def _kept(text: str) -> str:
    return text.replace("-", _HYPHEN)


def _flowing(paragraph: str) -> str:
    """Without click's mark of a paragraph that keeps its lines, where none of them is indented."""
    lines = paragraph.removeprefix("\b\n").splitlines()
    return paragraph if any(line.startswith(" ") for line in lines) else "\n".join(lines)
