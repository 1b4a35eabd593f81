"""``avianvox overview`` of a synthesised season: seconds, CPU seconds and peak memory by number of rows.

No sound is read: the table speaks of recordings that nobody made, and says so in its column ``message``.
Eight sites record 120 whole days; 60 species call, each most of all at one time of day.

python benchmarks/overview_season.py [--rows N ...] [--no-png]
"""

import argparse
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from classify_hour import measured

from avianvox.tables.formats import write_table
from avianvox.tables.times import iso_time
from avianvox.types import Decision, Detection

SITES, DAYS, SPECIES = 8, 120, 60
BEGIN = datetime(2024, 3, 1, tzinfo=timezone(timedelta(hours=-4)))


def rows(n: int) -> Iterator[Detection]:
    """About ``n`` events, and a row for each recording without any."""
    rng = np.random.default_rng(0)
    peak, common = rng.choice([2, 6, 7, 18, 21], SPECIES), 1 / np.arange(1, SPECIES + 1) ** 0.8
    for site in range(SITES):
        for hour in range(DAYS * 24):
            begin = BEGIN + timedelta(hours=hour)
            name = f"SYN{site}"
            whole = Detection(
                f"synthetic/{name}/{name}_{begin:%Y%m%d_%H%M%S}.wav",
                begin_time=iso_time(begin),
                latitude=18 + 0.02 * site,
                longitude=-66 + 0.05 * site,
                site=name,
                recorder=name,
                header_s=3600.0,
                decoded_s=3600.0,
                message="synthesised, not recorded",
            )
            away = (begin.hour - peak + 12) % 24 - 12
            chance = common * (0.2 + np.exp(-(away**2) / 4))
            called = rng.multinomial(rng.poisson(n / (SITES * DAYS * 24)), chance / chance.sum())
            calls = sorted(
                (float(s), k) for k in np.flatnonzero(called) for s in rng.uniform(0, 3590, called[k])
            )
            yield from (_event(whole, begin, s, int(k), float(rng.uniform(0.5, 1))) for s, k in calls)
            if not calls:
                yield whole


def _event(whole: Detection, begin: datetime, begin_s: float, species: int, score: float) -> Detection:
    ends = [iso_time(begin + timedelta(seconds=round(s, 3))) for s in (begin_s, begin_s + 3)]
    return replace(
        whole,
        begin_s=begin_s,
        end_s=begin_s + 3,
        begin_time=ends[0],
        end_time=ends[1],
        scientific_name=f"Synthavis species{species:02d}",
        common_name=f"Synthetic bird {species}",
        score=score,
        decision=Decision.NAMED,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, nargs="+", default=[100_000, 1_000_000])
    parser.add_argument("--no-png", action="store_true")
    given = parser.parse_args()
    more = ["--no-png"] if given.no_png else []
    with TemporaryDirectory() as folder:
        for n in given.rows:
            table = Path(folder, f"{n}.csv")
            write_table(rows(n), table, "csv")
            with open(table, encoding="utf-8") as lines:
                there = sum(1 for _ in lines) - 1
            begin = time.perf_counter()
            _, cpu_s, peak_mb = measured(
                "-m", "avianvox", "overview", str(table), "--out", f"{folder}/{n}", *more
            )
            wall_s = time.perf_counter() - begin
            page_mb = Path(folder, str(n), "overview.html").stat().st_size / 1e6
            print(
                f"{there:,} rows, {SITES * DAYS * 24:,} recordings: {wall_s:.0f} s, {cpu_s:.0f} s of CPU, "
                f"{peak_mb:.0f} MB, page of {page_mb:.1f} MB"
            )


if __name__ == "__main__":
    main()
