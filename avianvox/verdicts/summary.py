"""All that verdicts say of a table of events: precision, thresholds, agreement, what suggestions do."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from avianvox.errors import InputError
from avianvox.evaluation.plain import plain
from avianvox.registry import nearest
from avianvox.tables.rows import Column, Row
from avianvox.verdicts.agreement import Agreement, among_all, by_species, disputed, pairs
from avianvox.verdicts.consensus import Opinion, opinions
from avianvox.verdicts.cuts import Cut, cuts
from avianvox.verdicts.events import Listed, is_drawn
from avianvox.verdicts.modes import Modes, modes
from avianvox.verdicts.precision import Precision, precisions
from avianvox.verdicts.standing import standing
from avianvox.verdicts.table import Verdict

COLUMNS = (
    *(Column("species"), Column("events", int), Column("judged", int), Column("right", int)),
    *(Column("unsure", int), Column("disputed", int), Column("covered", int)),
    *(Column("precision", float, 4), Column("low", float, 4), Column("high", float, 4)),
    *(Column("threshold", float, 4), Column("threshold_state"), Column("precision_above", float, 4)),
    *(Column("low_above", float, 4), Column("kept", float, 4), Column("kappa", float, 4)),
)
"""Of the table of species; its first row, without a species, is of all of them."""


@dataclass(frozen=True)
class Summary:
    """What verdicts say of events.

    Attributes
    ----------
    verdicts : int
        Verdicts that hold.
    kinds : mapping of str to int
        Their kinds.
    reviewers : tuple of str
    drawn : bool
        Whether the events are a list that was drawn.
    outside : int
        Events with a verdict that the table lacks; added calls and whole recordings are no events.
    overall, species
        Precision of all events and of each species.
    cuts
        Thresholds of all and of each species; None unless a precision is wanted.
    pairs, all_reviewers, agreed_species
        Agreement.
    disputed : tuple of Opinion
    modes : Modes
    """

    verdicts: int
    kinds: dict[str, int]
    reviewers: tuple[str, ...]
    drawn: bool
    outside: int
    overall: Precision
    species: tuple[Precision, ...]
    wanted: float | None
    cuts: tuple[Cut, dict[str, Cut]] | None
    pairs: tuple[Agreement, ...]
    all_reviewers: Agreement | None
    agreed_species: tuple[Agreement, ...]
    disputed: tuple[Opinion, ...]
    modes: Modes

    @property
    def is_sample(self) -> bool:
        """Whether some events of species with verdicts have none, so that the judged ones stand for them."""
        return any(p.judged + p.unsure + p.disputed < p.events for p in self.species if p.judged)

    def rows(self) -> Iterator[Row]:
        """Values under `COLUMNS`."""
        kappas = {a.species: a.kappa.value for a in self.agreed_species}
        if self.all_reviewers is not None:
            kappas[""] = self.all_reviewers.kappa.value
        for p in (self.overall, *self.species):
            cut = Cut("")
            if self.cuts is not None:
                cut = self.cuts[1].get(p.species, cut) if p.species else self.cuts[0]
            counts = (p.events, p.judged, p.right, p.unsure, p.disputed, p.covered)
            share = map(_known, (p.share.value, p.share.low, p.share.high))
            above = (_known(value) for value in (cut.precision, cut.low, cut.kept))
            kappa = _known(kappas.get(p.species, float("nan")))
            yield (p.species, *counts, *share, _known(cut.score), cut.state, *above, kappa)

    def document(self) -> dict[str, Any]:
        """Everything as plain values for JSON; what is not known is None."""
        found: dict[str, Any] = plain(
            {name: value for name, value in vars(self).items() if name != "disputed"}
        )
        found["cuts"] = (
            None if self.cuts is None else {"all": plain(self.cuts[0]), "species": plain(self.cuts[1])}
        )
        found["disputed"] = [
            {
                **plain(opinion.event._asdict()),
                "answers": {
                    w.verdict.reviewer: list(w.verdict.names) or [str(w.verdict.verdict)]
                    for w in opinion.answers
                },
            }
            for opinion in self.disputed
        ]
        return found


def _known(value: float) -> float | None:
    return None if value != value else value


def summarise(
    events: Sequence[Listed],
    verdicts: Sequence[Verdict],
    *,
    precision: float | None = None,
    reviewers: Sequence[str] = (),
    seed: int = 0,
) -> Summary:
    """What verdicts say of a table of events.

    Parameters
    ----------
    events : sequence of Listed
    verdicts : sequence of Verdict
        In the order in which they were said.
    precision : float in (0, 1), optional
        Of the thresholds that are looked for.
    reviewers : sequence of str
        Only their verdicts count; of all where there is none.
    seed : int
        Of the intervals that draw files with replacement.

    Raises
    ------
    InputError
        A reviewer has said nothing, or the precision is out of range.
    """
    names = sorted({verdict.reviewer for verdict in verdicts})
    for name in reviewers:
        if name not in names:
            raise InputError(
                f"no verdict is by '{name}'{nearest(name, names)} (reviewers: {', '.join(names)})"
            )
    words = standing(v for v in verdicts if not reviewers or v.reviewer in reviewers)
    known = opinions(words)
    of_event = {opinion.event: opinion for opinion in known}
    drawn = is_drawn(events)
    overall, species = precisions(events, of_event, drawn=drawn)
    there = {row.event for row in events}
    return Summary(
        verdicts=len(words),
        kinds=dict(Counter(str(word.verdict.verdict) for word in words)),
        reviewers=tuple(sorted({word.verdict.reviewer for word in words})),
        drawn=drawn,
        outside=sum(bool(o.event.suggested) and o.event not in there for o in known),
        overall=overall,
        species=tuple(species),
        wanted=precision,
        cuts=None if precision is None else cuts(events, of_event, precision, drawn=drawn),
        pairs=tuple(pairs(known, seed=seed)),
        all_reviewers=among_all(known, seed=seed),
        agreed_species=tuple(by_species(known, seed=seed)),
        disputed=tuple(disputed(known)),
        modes=modes(words, known, seed=seed),
    )
