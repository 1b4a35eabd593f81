"""What an overview says on its page, and what it cannot know."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from avianvox.evaluation.plain import counted
from avianvox.overview.community import said_days
from avianvox.overview.days import VISITS, Clock
from avianvox.overview.examples import Example
from avianvox.overview.histories import Histories
from avianvox.overview.picture import Picture
from avianvox.overview.season import Season
from avianvox.pages.blocks import Block, Cell, Column, Counter, Facts, Section, Table, Text, Tiles, inline
from avianvox.pages.markup import Markup, join, tag
from avianvox.words import printable

FIGURES, HISTORIES = "figures", "histories"
MOST_CARDS = 80
"""Species with pictures of their own on the page; the folder has those of all."""
Shows = Callable[[Picture], "Shown"]

_OPEN = 3
_PX = 1.2  # of the screen to a unit of a picture


@dataclass(frozen=True)
class Told:
    """Everything that the page shows beside the season itself.

    ``files``: from the key of a picture to the files beside the page that hold it.
    """

    activity: Sequence[Picture]
    by_date: Picture | None
    by_site: Picture
    accumulation: Picture | None
    calls: Sequence[Picture]
    recorders: Picture | None
    site_map: Picture
    soundscapes: Sequence[Picture]
    examples: Mapping[str, Sequence[Example]]
    species: Sequence[tuple[Cell, ...]]
    histories: Histories | None
    files: Mapping[str, Sequence[str]] = field(default_factory=dict)


SPECIES_COLUMNS = (
    *(Column("species", "name"), Column("common name"), Column("calls", "d")),
    *(Column("verified", "d"), Column("calls per recorded hour", ".3g"), Column("sites", "d")),
    *(Column("days", "d"), Column("first"), Column("last"), Column("best score", ".2f")),
)


@dataclass(frozen=True)
class Shown:
    """A picture with its caption, and links to its files."""

    picture: Picture
    files: Sequence[str]

    def html(self, counter: Counter) -> Markup:
        picture = self.picture
        if picture.svg is None:
            return tag("p", inline(picture.caption), class_="absent")
        width = float(picture.svg.partition('viewBox="0 0 ')[2].partition(" ")[0])
        drawn = tag("div", picture.svg, class_="season", style=f"max-width:{width * _PX:.0f}px", tabindex="0")
        caption = join([tag("b", f"{counter.next('Figure')}. "), inline(picture.caption), _links(self.files)])
        return tag("figure", drawn, tag("figcaption", caption))

    def markdown(self, counter: Counter) -> str:
        return f"**{counter.next('Figure')}.** {self.picture.caption}"


def _links(files: Sequence[str]) -> Markup:
    links = (tag("a", file.rpartition(".")[2].upper(), href=file) for file in files)
    return join([" ", join(links, " ")]) if files else Markup("")


@dataclass(frozen=True)
class Card:
    """What is known of one species, folded."""

    name: str
    common: str
    said: str
    blocks: Sequence[Block]
    examples: Sequence[Example]
    unfolded: bool

    def html(self, counter: Counter) -> Markup:
        common = f" ({self.common})" if self.common else ""
        head = tag("summary", tag("i", self.name), common, tag("span", self.said, class_="said"))
        sounds = tag("div", *map(self._sound, self.examples), class_="sounds")
        blocks = join(block.html(counter) for block in self.blocks)
        return tag(
            "details", head, sounds if self.examples else None, blocks, class_="species", open=self.unfolded
        )

    def _sound(self, example: Example) -> Markup:
        credit = tag("p", example.said, class_="credit")
        if example.trouble:
            return tag("div", tag("p", example.trouble, class_="absent"), credit, class_="sound")
        player = tag("audio", controls=True, preload="none", src=example.audio) if example.audio else None
        return tag("div", example.picture, player, credit, class_="sound")

    def markdown(self, counter: Counter) -> str:
        return f"*{self.name}*: {self.said}"


def sections(season: Season, told: Told, clock: Clock, remarks: Sequence[str]) -> list[Section]:
    """All sections of the page, the summary first."""
    no_time = "No recording has a time; `avianvox inspect` shows what a file tells of it."
    nothing = "No species was named."

    def shown(picture: Picture) -> Shown:
        return Shown(picture, told.files.get(picture.key, ()))

    def section(key: str, title: str, found: Sequence[Picture | None], why: str) -> Section:
        blocks = tuple(shown(picture) for picture in found if picture is not None and picture.svg is not None)
        return Section(key, title, blocks, absent="" if blocks else why)

    named = bool(season.species)
    empty = no_time if named else nothing
    over_time = named and told.by_date is not None
    species = _species(told, shown, over_time=over_time) if named else ()
    cards = tuple(_cards(season, told, shown))
    return [
        Section("summary", "Summary", _summary(season, remarks)),
        section("activity", "Activity", told.activity[:1] if over_time else (), empty),
        Section("species", "Species", species, absent="" if named else nothing),
        section("accumulation", "Species accumulation", (told.accumulation,), empty),
        Section("each", "Each species", cards, absent="" if named else nothing),
        section("recorders", "Recorders", (told.recorders,), no_time),
        section("map", "Map of sites", (told.site_map,), _NO_MAP),
        section("spectrogram", "Spectrogram of the season", told.soundscapes, _no_sound(season)),
        _histories(told.histories, season, empty),
        Section("limits", "What the numbers are, and what they cannot say", (_limits(season, clock),)),
    ]


_NO_MAP = "No site has a position. Give a table with the columns site, latitude and longitude: `--sites`."


def _summary(season: Season, remarks: Sequence[str]) -> tuple[Block, ...]:
    failed = sum(n for (_, _, status), n in season.statuses.items() if status.failed)
    when = said_days(*season.days) if season.days else "dates are not known"
    verified = f"{season.n_verified} of them verified" if season.n_verified else "none of them verified"
    n_sites, n_recorders = len(season.sites), len(season.recorders)
    tiles = (
        (
            *_time(season.recorded_h),
            f"{counted(season.n_files, 'recording')}, {failed:,} failed",
        ),
        (f"{n_sites:,}", "site" if n_sites == 1 else "sites", counted(n_recorders, "recorder")),
        (f"{len(season.species):,}", "species named", when),
        (f"{season.n_calls:,}", "calls", verified),
    )
    return (Tiles(tiles), *(Text(remark) for remark in remarks))


def _time(hours: float) -> tuple[str, str]:
    return (f"{hours:,.1f}", "hours recorded") if hours >= 1 else (f"{60 * hours:.1f}", "minutes recorded")


def _species(told: Told, shown: Shows, *, over_time: bool) -> tuple[Block, ...]:
    caption = "Species, the most calls first. The file `figures/species.csv` holds the same."
    blocks: list[Block] = [Table(caption, SPECIES_COLUMNS, told.species, folded=len(told.species) > 30)]
    if over_time and told.by_date is not None:
        blocks.append(shown(told.by_date))
    return (*blocks, shown(told.by_site))


def _cards(season: Season, told: Told, shown: Shows) -> list[Block]:
    pictures: dict[int, list[Block]] = {}
    for found in (told.activity[1:], told.calls):
        for k, picture in enumerate(found):
            pictures.setdefault(k, []).append(shown(picture))
    cards: list[Block] = []
    if len(season.species) > MOST_CARDS:
        cards.append(Text(f"The {MOST_CARDS} species with the most calls; the folder `{FIGURES}` has all."))
    for k, name in enumerate(season.species[:MOST_CARDS]):
        row = told.species[k]
        said = counted(int(row[2] or 0), "call") + (f", {row[3]:,} verified" if row[3] else "")
        found_there = told.examples.get(name, ())
        cards.append(
            Card(
                printable(name),
                printable(season.common[k]),
                said,
                pictures.get(k, ()),
                found_there,
                unfolded=k < _OPEN,
            )
        )
    return cards


def _no_sound(season: Season) -> str:
    if not season.sample.recordings:
        return "No recordings were read for it (`--listen 0`), or none has a time and a length."
    return "The recordings are not where the table says; name their folder with `--audio`."


def _histories(found: Histories | None, season: Season, empty: str) -> Section:
    title = "Detection histories"
    if found is None or not season.species:
        return Section("histories", title, absent=empty)
    text = (
        f"Site by visit, for occupancy models; a visit is {VISITS[found.by]}. `{HISTORIES}/` has one wide "
        "table per species (`y.1`, `y.2`, ...: 1, 0, or `NA` where nothing was recorded; `effort_h.k`: hours "
        "recorded; `verified.k`: 1 where a person confirmed a call), all species in long form "
        "(`histories.csv`), and the "
        f"dates of visits (`visits.csv`). There are {len(season.sites)} sites and {len(found.begins)} visits."
    )
    warning = (
        "A name that nobody verified may be wrong. Occupancy models without false positives take each `y` "
        "of 1 for certain: use `verified` as the answer, or a model with false positives."
    )
    return Section("histories", title, (Text(text), Text(warning)))


def _limits(season: Season, clock: Clock) -> Facts:
    facts = [
        (
            "Effort",
            "Recorded time is the decoded length of every recording, also of those without a call, put into "
            "the hours of its clock. Rates are calls divided by this time: of a minute of sound, one call "
            "makes 60 an hour. Two recorders at one site count twice.",
        ),
        (
            "Calls",
            "A call is an event of the table, in the hour in which it begins; overlapping ones of a species "
            "in one recording are one. A call is no animal: one that calls often counts often.",
        ),
        (
            "Names",
            "Names are those of the model, at its thresholds. "
            + (
                f"Verified: {season.n_verified:,} calls; rejected and left out: {season.n_rejected:,}. "
                if season.n_verified or season.n_rejected
                else "Nobody has verified them here (`--verdicts`). "
            )
            + f"Uncertain, and not counted: {season.n_uncertain:,}.",
        ),
        (
            "Not heard is not absent",
            "How far a call carries, and how often a species calls, differ between species, sites and "
            "weather. So rates of two species can't be compared, nor those of recorders with different "
            "microphones.",
        ),
        (
            "Days",
            "Days of pictures run from noon to noon and have the date of the evening, so that a night is one."
            if clock.begins
            else "Days of pictures run from midnight to midnight, by the clock of the recordings.",
        ),
    ]
    undated = sum(season.undated_h.values())
    if undated or season.undated_calls:
        n = sum(season.undated_calls.values())
        facts.append(
            ("Without a time", f"{undated:.1f} h and {n:,} calls count by site, and in no picture over time.")
        )
    if season.n_unmeasured:
        facts.append(
            (
                "Without a length",
                f"{counted(season.n_unmeasured, 'recording')}: rates are too high.",
            )
        )
    return Facts(facts)
