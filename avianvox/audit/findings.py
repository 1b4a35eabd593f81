"""What an audit says: findings in plain words, the gravest first, and the figures behind them."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from textwrap import wrap
from typing import Any

from avianvox.errors import InputError

LEVELS = {
    "alarm": "the figures are not reliable",
    "warning": "the figures need a remark",
    "note": "good to know",
}
"""``level -> meaning``, the gravest first."""

_WIDTH = 80


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that an audit found.

    Attributes
    ----------
    level : str
        A key of `LEVELS`.
    kind : str
        A short name for programs, for example ``"shared session"``.
    title : str
        What is the matter, in one short sentence without figures' definitions.
    detail : str
        The figures, what they were measured on, and the recordings or classes by name.
    advice : str
        What to do.
    """

    level: str
    kind: str
    title: str
    detail: str
    advice: str

    def __post_init__(self) -> None:
        if self.level not in LEVELS:
            raise InputError(f"Finding: expected a level of {', '.join(LEVELS)}, got '{self.level}'")

    def lines(self) -> list[str]:
        """Level and title, then detail and advice below them, wrapped for a terminal."""
        paragraphs = [*self.detail.splitlines(), f"What to do: {self.advice}"]
        return [
            *wrap(f"{self.level.upper()}: {self.title}", _WIDTH, subsequent_indent="  "),
            *(line for text in paragraphs for line in _indented(text)),
        ]


@dataclass(frozen=True)
class Audit:
    """Findings, ranked by their level, and figures as plain values for JSON."""

    findings: Sequence[Finding]
    figures: Mapping[str, Any]

    def __post_init__(self) -> None:
        order = list(LEVELS)
        ranked = sorted(self.findings, key=lambda finding: order.index(finding.level))
        object.__setattr__(self, "findings", tuple(ranked))

    def at(self, level: str) -> tuple[Finding, ...]:
        """The findings of one level."""
        return tuple(finding for finding in self.findings if finding.level == level)

    def to_mapping(self) -> dict[str, Any]:
        """Plain values for ``audit.json``."""
        return {"findings": [asdict(finding) for finding in self.findings], "figures": dict(self.figures)}

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any]) -> "Audit":
        """The inverse of `to_mapping`."""
        return cls(tuple(Finding(**finding) for finding in values["findings"]), values["figures"])

    def lines(self) -> list[str]:
        """Every finding in words."""
        return [line for finding in self.findings for line in finding.lines()]


def _indented(text: str) -> list[str]:
    hanging = "    " if text.startswith("- ") else "  "
    return wrap(text, _WIDTH, initial_indent="  ", subsequent_indent=hanging, break_long_words=False)
