"""The options of ``avianvox classify``, in the groups that its help shows."""

from collections.abc import Callable

import click

from avianvox.api.asked import PERIODS
from avianvox.cli.common import F, FiniteFloat, options_of, workplace_options
from avianvox.cli.format_options import format_option, per_file_option, spreadsheet_option
from avianvox.cli.place_options import WEIGHING
from avianvox.cli.targets import Target

EPILOG = """\b
Exit codes: 0 done; 1 failed (model unreadable, output not writable, interrupted); 2 wrong usage;
3 finished, but some inputs failed. Each has a row with its status, and a line on standard error.

\b
Status of a file: ok, clipped (with an answer), silent (no answer), truncated (with an answer, but counted as
failed), empty, undecodable, unsupported, missing. Windows of silence are left out. docs/tables.md describes
the columns of CSV, Parquet and JSON lines. The other formats are those of the programs of that name.
'avianvox convert' converts between them.

\b
Scores are calibrated if the model was calibrated by 'avianvox calibrate'. Of the answers with a score of
0.3, about 30 % are then correct, on recordings like the test recordings. A calibrated model also has a
threshold for each species. The column decision is "named" if the best score reaches the threshold of its
species, else "uncertain". It is "unknown" below a score that species which the model never learned reach
too, if that was measured. Recordings and windows show their best species in all cases. An event must reach
the threshold. --min-score (or --enter) is one minimum for all species, in place of the thresholds. A lower
score is neither shown nor counted, with any --by. The summary counts the events below their thresholds.

\b
--level genus names the genus ("Setophaga sp.") of a recording whose species is uncertain, --level family
its family ("Parulidae sp.") if the genus is uncertain too. Their score is the sum of the scores of their
species. It must reach the precision for which the model's thresholds were chosen. docs/tables.md has more.

\b
With --output, the rows of each finished file are saved in FILE.partial, and its status in
FILE.ledger.jsonl. To continue after Ctrl-C, a crash or a power cut, run the same command with --resume. The
same command also adds new files of the folder. A file is read again only if its path, size or time has
changed, or if it was missing or unsupported. The table contains the files in PATHS of the last command.
Other formats than CSV, and several of them, keep their rows in FILE.rows.csv.

\b
Several formats are written into the folder --output: recordings.csv (or events.csv, windows.csv, nights.xlsx,
...) for all recordings, and a table for each recording in the same subfolders as the recordings, such as
night/a.avianvox.selections.txt. A file that no run left there is never replaced.

\b
Times of day are read from GUANO, an AudioMoth comment, the file name or a xeno-canto index. The column
time_source names the source. 'avianvox inspect' shows all that a file states. --timezone is the time zone of
recordings that state none. With --by hour, day and night, it is also the time zone of the rows.

\b
The column site contains the first of these that is known: the name in --site; the site in the metadata of
the file; the serial number of the recorder; the folder of the file, below the one in PATHS. Hours, days and
nights are counted for each site and recorder.

\b
Users of BirdNET: options of BirdNET-Analyzer, such as --min_conf, are refused with the name of the option to
use here. --overlap has the same meaning.

\b
Examples:
  avianvox classify recording.mp3
  avianvox classify recordings/ --top 1 --output answers.csv
  avianvox classify recordings/ --by event --gate --output events.csv --resume
  avianvox classify "night/*.flac" --by window --min-score 0.3 --overlap 1.5
  avianvox classify recorder/ --by event --narrow all --output calls.csv
  avianvox classify recorder/ --by event --format raven --output labels
  avianvox classify recorder/ --by event --format csv,raven,xlsx \\
    --output results
  avianvox classify recorder/ --format audacity,csv --per-file --output each
  avianvox classify sites/ --by night --output nights.csv
  avianvox classify recorder/ --by hour --timezone America/Lima --jobs 2
  avianvox classify recording.mp3 \\
    --species-list "Coereba flaveola,Setophaga petechia"
  avianvox classify recording.mp3 --coverage 0.9
  avianvox classify recordings/ --level family --output answers.csv
"""

_OPTIONS: tuple[Callable[[F], F], ...] = (
    click.argument("paths", nargs=-1, required=True, metavar="PATHS...", type=click.Path(readable=False)),
    click.option(
        "--by",
        type=click.Choice(["recording", "event", "window", *PERIODS]),
        default="recording",
        show_default=True,
        help="Unit of a row. Hours, days and nights (noon to noon) count events and recorded hours.",
    ),
    click.option(
        "--top",
        type=click.IntRange(min=1),
        help="Maximum number of species per recording or window.  [default: 3]",
    ),
    click.option(
        "--min-score",
        "--enter",
        "min_score",
        type=FiniteFloat(0, 1),
        help="Minimum score of recordings, windows and events: one for all species, in place of the model's "
        "thresholds.  [default: events: the threshold of the species; recordings and windows: none]",
    ),
    click.option(
        "--coverage",
        type=FiniteFloat(0, 1),
        help="Prediction sets in place of the --top best species: the set contains the correct species in "
        "this share of recordings. The bundled model has sets for 0.5, 0.8, 0.9 and 0.95.",
    ),
    click.option(
        "--level",
        type=click.Choice(["species", "genus", "family"]),
        default="species",
        show_default=True,
        help="Coarsest level of a name: where the species is uncertain, the genus is named if it is sure, or "
        "else the family.",
    ),
    click.option(
        "--calibrated/--raw",
        default=True,
        help="Calibrated scores and decisions, if the model has them, or raw scores of the network.  "
        "[default: calibrated]",
    ),
    click.option(
        "--species-list",
        metavar="FILE|NAMES",
        help="Species that may be named: a file with one name per line, or names separated by commas.",
    ),
    click.option(
        "--exclude", metavar="FILE|NAMES", help="Species that are never named; a file or names, as above."
    ),
    *WEIGHING,
    click.option(
        "--overlap",
        "overlap_s",
        type=FiniteFloat(min=0),
        metavar="SECONDS",
        help="Overlap of neighbouring windows.  [default: as the model says, mostly 0]",
    ),
    click.option(
        "--gate",
        is_flag=True,
        help="Fast gate before the network: only windows with an animal's voice are scored.",
    ),
    click.option(
        "--gate-recall",
        type=FiniteFloat(0, 1),
        help="Recall of the gate: share of recordings with a voice that it keeps. 0.95 is faster and misses "
        "more than 0.99.  [default: 0.98]",
    ),
    click.option("--gate-file", metavar="FILE", help="File of a gate from 'avianvox gate train'."),
    click.option(
        "--leave",
        type=FiniteFloat(0, 1, min_open=True),
        default=0.8,
        show_default=True,
        help="Minimum score of all windows of an event, as a share of the minimum score that its best window "
        "must reach.",
    ),
    click.option(
        "--gap",
        "gap_s",
        type=FiniteFloat(min=0),
        default=0.0,
        show_default=True,
        metavar="SECONDS",
        help="Maximum pause between two windows of one event.",
    ),
    click.option(
        "--min-length",
        "min_length_s",
        type=FiniteFloat(min=0),
        default=0.0,
        show_default=True,
        metavar="SECONDS",
        help="Minimum length of an event.",
    ),
    click.option(
        "--smooth",
        type=click.IntRange(min=1),
        default=1,
        show_default=True,
        metavar="WINDOWS",
        help="Number of windows over which scores are averaged before events are found; odd.",
    ),
    click.option(
        "--narrow",
        default="",
        metavar="HZ-HZ|all|FILE",
        help="With --by event: begin, end and frequencies of what stands above the noise floor within the "
        "event, in a band such as 300-1000 or in all, not those of its windows. FILE: of the boxes that a "
        "detector finds in it.",
    ),
    click.option(
        "--multi-label",
        is_flag=True,
        help="Several species at the same time: every species that reaches its minimum score, not only the "
        "best one.",
    ),
    click.option(
        "--channels",
        default="mix",
        show_default=True,
        metavar="mix|each|N",
        help="Channels to score: a mix of all, each of them, or channel N, counted from 1.",
    ),
    click.option(
        "--timezone",
        default="",
        metavar="ZONE",
        help="Time zone of recordings that state none, such as America/Puerto_Rico or -04:00.",
    ),
    click.option(
        "--site",
        default="",
        metavar="NAME",
        help="Site of all recordings.  [default: from the file's metadata, else its folder]",
    ),
    format_option(
        "Format of the table: table, csv, jsonl, parquet, xlsx, raven, audacity, audacity_boxes, "
        "kaleidoscope, birdnet, simple_seq or generic_seq; several, such as csv,raven,xlsx, into a folder.",
        default="by the name of --output, else table",
    ),
    click.option(
        "--output",
        "-o",
        type=Target(ours=None, beside=("paths",), readable=False, allow_dash=True),
        metavar="FILE",
        help="Output file; - is standard output. Several formats, and tables for each recording, need a "
        "folder.",
    ),
    per_file_option,
    spreadsheet_option,
    click.option("--resume", is_flag=True, help="Continue an earlier run with the same --output."),
    click.option(
        "--model",
        metavar="NAME|FILE",
        help="Name of a bundled model, or a model file.  [default: the bundled one]",
    ),
    workplace_options("by number of files and cores"),
    click.option(
        "-q", "--quiet", is_flag=True, help="No progress and summary; failed files are still listed."
    ),
    click.option(
        "--log-file",
        type=Target(ours=None, readable=False),
        metavar="FILE",
        help="Log file for progress, failures and summary; lines are appended.",
    ),
)


classify_options = options_of(_OPTIONS)
