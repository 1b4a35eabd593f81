"""Options of other programs, by the names that their users type, and the option that serves here.

One table for each command. An option that stands in it is refused with one line that names ours; nothing is
taken silently, since the same word may mean something else there.
"""

import click

_CLASSIFY = {
    "--min_conf": "--min-score",
    "--top_n": "--top",
    "--slist": "--species-list",
    "--classifier": "--model",
    "-c": "--model",
    "--rtype": "--format, with one name or several: csv,raven,audacity,kaleidoscope,birdnet,xlsx",
    "--o": "--output",
    "--i": "no option: give the paths",
    "-i": "no option: give the paths",
    "--threads": "--jobs",
    "-t": "--jobs",
    "--batch_size": "no option: windows are scored in blocks",
    "-b": "no option: windows are scored in blocks",
    "--merge_consecutive": "--by event",
    "--combine_results": "--combined",
    "--skip_existing_results": "--resume",
    "--split_tables": "--per-file",
    "--sensitivity": "no option: scores are calibrated (--raw gives the network's own)",
    "--fmin": "no option: the model defines its bands",
    "--fmax": "no option: the model defines its bands",
    "--locale": "no option: tables have scientific names and common names",
    "-l": "no option: tables have scientific names and common names",
    "--sf_thresh": "--place-min",
    "--json": "--format jsonl",
}

FOREIGN: dict[str, dict[str, str]] = {
    "classify": _CLASSIFY,
    "listen": {
        name: _CLASSIFY[name] for name in ("--min_conf", "--slist", "--classifier", "-c", "--sf_thresh")
    },
    "segments": {
        "--results": "no option: give the table",
        "-r": "no option: give the table",
        "--o": "--out",
        "-o": "--out",
        "--max_segments": "--per-species",
        "--seg_length": "--pad",
        "--min_conf": "--min-score",
        "--threads": "no option: one process is enough",
        "-t": "no option: one process is enough",
    },
    "train": {
        "--o": "--out",
        "-o": "--out",
        "--i": "no option: give the catalogs",
        "--val_split": "--validation",
        "--test_data": "avianvox crossval, which evaluates on held-out sessions",
        "--autotune": "avianvox crossval, which compares models",
        "--threads": "no option: all cores are used",
        "-t": "no option: all cores are used",
        "--model_format": "avianvox export --quantize",
    },
}
"""``command -> option of another program -> what serves here``."""


def explained(error: click.NoSuchOption) -> click.UsageError:
    """The same error, with what serves here where the option is one of another program."""
    command = error.ctx.info_name if error.ctx else None
    typed = error.option_name
    spelled = f"--{typed[2:].replace('-', '_')}" if typed.startswith("--") else typed  # --min-conf, too
    serves = FOREIGN.get(command or "", {}).get(spelled)
    if serves is None:
        return error
    none = serves.removeprefix("no option: ")
    words = f"use {serves}" if none == serves else f"there is none here: {none}"
    return click.UsageError(f"{typed} is an option of another program; {words}", error.ctx)
