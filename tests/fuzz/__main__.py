"""``python -m tests.fuzz``: run hostile inputs for some time, and print a table."""

import argparse
import sys
from pathlib import Path

from tests.fuzz.runner import Limits, kinds, run_kind, table


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--minutes", type=float, default=1.0, help="time for all kinds together [1]")
    parser.add_argument("--seed", type=int, default=0, help="same seed, same inputs [0]")
    parser.add_argument("--only", default="", help="kinds, separated by commas [all]")
    parser.add_argument("--first-round", type=int, default=0, help="round to begin with, to repeat a failure")
    parser.add_argument("--keep", type=Path, default=Path("fuzz-failures"), help="folder of failing inputs")
    parser.add_argument("--seconds-each", type=float, default=20.0, help="most seconds of one input [20]")
    parser.add_argument("--megabytes-each", type=float, default=600.0, help="most memory of one input [600]")
    options = parser.parse_args()
    known = kinds()
    chosen = [name for name in options.only.split(",") if name] or known
    if unknown := [name for name in chosen if name not in known]:
        parser.error(f"unknown kind {', '.join(unknown)}; known are {', '.join(known)}")
    limits = Limits(options.seconds_each, options.megabytes_each)
    share_s = 60 * options.minutes / len(chosen)
    tallies = [
        run_kind(name, options.seed, share_s, limits, options.keep, first_round=options.first_round)
        for name in chosen
    ]
    print(table(tallies))
    for tally in tallies:
        for line in tally.failures:
            print(line, file=sys.stderr)
    return int(any(tally.failures or not tally.cases for tally in tallies))


if __name__ == "__main__":
    sys.exit(main())
