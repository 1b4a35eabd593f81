"""How near do a few verdicts come to the precision of all events, and do their intervals hold it?

python benchmarks/verdict_draws.py CATALOG EVENTS [--n 50,100,200] [--seeds 200] [--verdicts OUT]

EVENTS is the table of `avianvox classify CATALOG --by event`. The verdicts are made of its labels: an event
is right if its species is the recording's or stands in its background. With all events judged the precision
is known. Then N events are judged, drawn by `avianvox verdicts draw`, or by chance alone. Printed are the
mean distance from the precision of all events, the mean width of the interval, and in how many draws it
holds that precision.
``--verdicts`` writes the verdicts on all events, for `avianvox verdicts EVENTS --verdicts OUT`.
"""

import argparse
from pathlib import Path

import numpy as np

from avianvox.dataset.catalog import read_catalog
from avianvox.evaluation.figures import Table
from avianvox.randomness import derive_rng
from avianvox.verdicts.consensus import Opinion, is_among, opinions
from avianvox.verdicts.events import Listed, draw, read_events
from avianvox.verdicts.precision import Stratum, precisions, stratified_share
from avianvox.verdicts.standing import standing
from avianvox.verdicts.table import Event, Said, Verdict
from avianvox.verdicts.writing import Writer

TIME = "2026-01-01T00:00:00Z"


def verdicts_of(catalog: Path, events: list[Listed]) -> list[Verdict]:
    known = {str(r.path): r for r in read_catalog(catalog).recordings}
    said = []
    for n, row in enumerate(events):
        recording = known[row.detection.path]
        right = is_among(row.species, (recording.label, *recording.background))
        event = row.event
        said.append(
            Verdict(
                id=f"label-{n}",
                time=TIME,
                reviewer="labels",
                file=event.file,
                start_s=event.start_s,
                end_s=event.end_s,
                suggested=event.suggested,
                score=row.detection.score,
                verdict=Said.ACCEPTED if right else Said.OTHER,
                species=(row.species if right else recording.label,),
            )
        )
    return said


def by_chance(events: list[Listed], n: int, seed: int) -> list[Listed]:
    """One stratum of all events."""
    chosen = derive_rng(seed, "verdict draws").choice(len(events), n, replace=False)
    return [Listed(events[i].detection, 1, len(events)) for i in chosen]


def stratum_of_all(rows: list[Listed], known: dict[Event, Opinion]) -> tuple[float, float, float]:
    right = sum(known[row.event].is_right is True for row in rows)
    share = stratified_share([Stratum(rows[0].stratum_events, len(rows), right)])
    return share.value, share.low, share.high


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("catalog", type=Path)
    parser.add_argument("events", type=Path)
    parser.add_argument("--n", default="50,100,200")
    parser.add_argument("--seeds", type=int, default=200)
    parser.add_argument("--verdicts", type=Path)
    options = parser.parse_args()
    events = read_events(options.events)
    said = verdicts_of(options.catalog, events)
    if options.verdicts:
        with Writer(options.verdicts) as table:
            for verdict in said:
                table.add(verdict)
    known = {opinion.event: opinion for opinion in opinions(standing(said))}
    truth = precisions(events, known, drawn=False)[0].share.value
    print(f"{len(events)} events, precision {truth:.3f}")
    rows = []
    for n in map(int, options.n.split(",")):
        for name in ("by species and score", "by chance"):
            found = []
            for seed in range(options.seeds):
                if name == "by chance":
                    found.append(stratum_of_all(by_chance(events, n, seed), known))
                else:
                    drawn = draw(events, n, seed=seed)
                    judged = {row.event: known[row.event] for row in drawn}
                    share = precisions(drawn, judged, drawn=True)[0].share
                    found.append((share.value, share.low, share.high))
            value, low, high = np.array(found).T
            rows.append(
                (
                    str(n),
                    name,
                    f"{np.abs(value - truth).mean():.3f}",
                    f"{(high - low).mean():.3f}",
                    f"{100 * ((low <= truth) & (truth <= high)).mean():.1f} %",
                )
            )
    print(Table(("judged", "drawn", "mean distance", "mean width", "held"), tuple(rows)).markdown())


if __name__ == "__main__":
    main()
