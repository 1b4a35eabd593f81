"""How ``avianvox verdicts`` shows what it found."""

from collections.abc import Iterator

from avianvox.evaluation.bootstrap import Interval
from avianvox.evaluation.figures import Table
from avianvox.evaluation.plain import counted
from avianvox.verdicts.agreement import Agreement
from avianvox.verdicts.cuts import FOUND, Cut
from avianvox.verdicts.modes import Mode
from avianvox.verdicts.precision import Share
from avianvox.verdicts.summary import Summary

_MOST_DISPUTED = 10


def species_table(found: Summary) -> Table:
    """Precision and thresholds, all species first."""
    columns = ["species", "events", "judged", "right", "unsure", "disputed", "precision"]
    columns += [] if found.cuts is None else [f"score for {found.wanted:g}", "precision there", "kept"]
    rows = []
    for p in (found.overall, *found.species):
        cells = [p.species or "all", *map(str, (p.events, p.judged, p.right, p.unsure, p.disputed))]
        cells.append(_share(p.share))
        if found.cuts is not None:
            cells += _cut(found.cuts[1].get(p.species) if p.species else found.cuts[0])
        rows.append(tuple(cells))
    return Table(tuple(columns), tuple(rows))


def _share(share: Share) -> str:
    if share.value != share.value:
        return "-"
    exact = share.low == share.high
    return f"{share.value:.3f} {'(all)' if exact else f'[{share.low:.2f}, {share.high:.2f}]'}"


def _cut(cut: Cut | None) -> list[str]:
    if cut is None or cut.state != FOUND:
        return [cut.state if cut else "no scores", "-", "-"]
    return [f"{cut.score:.3f}", f"{cut.precision:.3f} (above {cut.low:.2f})", f"{100 * cut.kept:.0f} %"]


def lines_below(found: Summary) -> Iterator[str]:
    """Agreement, modes and disputed events, below the table."""
    kinds = ", ".join(f"{n} {kind}" for kind, n in sorted(found.kinds.items()))
    who = ", ".join(name or "(no name)" for name in found.reviewers)
    yield f"{counted(found.verdicts, 'verdict')} by {who}: {kinds}"
    for pair in found.pairs:
        yield f"agreement of {' and '.join(n or '(no name)' for n in pair.reviewers)}: {_kappa(pair)}"
    if found.all_reviewers is not None and len(found.all_reviewers.reviewers) > 2:
        yield f"agreement of all reviewers (Fleiss): {_kappa(found.all_reviewers)}"
    if found.all_reviewers is not None:
        for species in found.agreed_species:
            yield f"  {species.species}: {_kappa(species)}"
    yield from _suggestions(found)
    if found.disputed:
        yield f"no majority on {counted(len(found.disputed), 'event')}:"
    for opinion in found.disputed[:_MOST_DISPUTED]:
        event = opinion.event
        span = "" if event.start_s is None else f" {event.start_s:.1f} to {event.end_s or 0:.1f} s"
        answers = "; ".join(
            f"{w.verdict.reviewer}: {', '.join(w.verdict.names) or w.verdict.verdict}"
            for w in opinion.answers
        )
        yield f"  {event.file}{span}: {answers}"
    if len(found.disputed) > _MOST_DISPUTED:
        yield f"  and {len(found.disputed) - _MOST_DISPUTED} more"


def _kappa(agreement: Agreement) -> str:
    kappa = agreement.kappa
    told = (
        "not defined"
        if kappa.value != kappa.value
        else f"{kappa.value:.2f} [{kappa.low:.2f}, {kappa.high:.2f}]"
    )
    return f"kappa {told}, {100 * agreement.share:.0f} % of {counted(agreement.events, 'event')} the same"


def _suggestions(found: Summary) -> Iterator[str]:
    shown, hidden, bias = found.modes.open, found.modes.blind, found.modes.bias
    for mode in (shown, hidden):
        if mode.verdicts:
            yield _mode(mode)
    if bias is None:
        return
    yield f"suggested species named more often where it was shown: by {_signed(bias.difference)}"
    if bias.events:
        yield f"  on the {bias.events} events that were answered in both modes: by {_signed(bias.paired)}"


def _signed(share: Share | Interval) -> str:
    return f"{share.value:+.3f} [{share.low:+.2f}, {share.high:+.2f}]"


def _mode(mode: Mode) -> str:
    low, median, high = mode.seconds
    seconds = (
        "" if median != median else f", {median:.1f} s a verdict (middle half: {low:.1f} to {high:.1f} s)"
    )
    how = "suggestions hidden" if mode.blind else "suggestions shown"
    said = counted(mode.verdicts, "verdict")
    return f"{how}: {said}, suggested species named in {_share(mode.named)}{seconds}"


def remarks(found: Summary) -> Iterator[str]:
    """What one has to know of the figures."""
    if not found.drawn and found.is_sample:
        yield (
            "the judged events are taken for a random sample of each species; "
            "'avianvox verdicts draw' draws one"
        )
    if found.overall.covered < found.overall.events and found.overall.judged:
        n = found.overall.events - found.overall.covered
        yield f"left out of the precision of all: {counted(n, 'event')} of strata that nobody judged"
    if found.outside:
        yield f"not in this table: {counted(found.outside, 'reviewed event')}, for agreement alone"
