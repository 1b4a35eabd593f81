"""What the recordings are, who made them, under which terms; and how the figures were made."""

from collections import Counter as Count
from collections.abc import Mapping, Sequence
from typing import Any

from avianvox.dataset.licences import licence_name
from avianvox.evaluation.plain import counted
from avianvox.pages.blocks import Column, Facts, Section, Table, name
from avianvox.types import LabelSet, Recording

_UNUSED = ("patience", "validation_windows")
"""Settings of training with recordings held out to stop by, which cross-validation does without."""

_UNKNOWN = "not stated"


def data_section(recordings: Sequence[Recording], labels: LabelSet) -> Section:
    """The data card: what there is of each species, licences, and a credit for each recording."""
    minutes = _minutes(recordings)
    dates = sorted(r.date for r in recordings if r.date)
    people = Count(r.recordist for r in recordings if r.recordist)
    sites = {r.site for r in recordings if r.site}
    facts = [
        ("recordings", f"{len(recordings)} of {counted(len(labels), 'class')}"),
        ("duration", _UNKNOWN if minutes is None else f"{minutes:.0f} minutes"),
        ("sessions", f"{len({r.session for r in recordings})} (recordist, date and place)"),
        ("recordists", f"{len(people)}" if people else _UNKNOWN),
        ("places", f"{len(sites)}" if sites else _UNKNOWN),
        ("dates", f"{dates[0]} to {dates[-1]}" if dates else _UNKNOWN),
        ("sources", ", ".join(sorted({r.source for r in recordings if r.source})) or _UNKNOWN),
    ]
    if made := sum(r.synthetic for r in recordings):
        facts.append(("synthetic", f"{counted(made, 'recording')}, made and not recorded"))
    if people:
        person, most = people.most_common(1)[0]
        facts.append(
            ("main recordist", f"{person}: {counted(most, 'recording')} ({most / len(recordings):.0%})")
        )
    licences = Count(licence_name(r.licence) or _UNKNOWN for r in recordings)
    species = []
    for label in labels.names:
        mine = [r for r in recordings if r.label == label]
        top = Count(r.recordist for r in mine if r.recordist).most_common(1)
        species.append(
            (
                label,
                mine[0].common_name if mine else "",
                len(mine),
                _minutes(mine),
                len({r.session for r in mine}),
                len({r.recordist for r in mine if r.recordist}),
                top[0][1] / len(mine) if top else None,
            )
        )
    species_columns = (
        Column("species", "name"),
        Column("common name"),
        Column("recordings", "d"),
        Column("minutes", ".1f"),
        Column("sessions", "d"),
        Column("recordists", "d"),
        Column("main recordist", ".0%", "share of the species' recordings by its main recordist"),
    )
    credit_columns = (
        Column("recording"),
        Column("species", "name"),
        Column("recordist"),
        Column("licence"),
        Column("URL"),
    )
    credits = [
        (r.file_id, r.label, r.recordist or _UNKNOWN, licence_name(r.licence) or _UNKNOWN, r.url)
        for r in sorted(recordings, key=lambda r: (r.recordist, r.label, r.id))
    ]
    credits = list(dict.fromkeys(credits))  # parts of a file share theirs
    blocks = (
        Facts(facts),
        Table(
            "Licences.",
            (Column("licence"), Column("recordings", "d")),
            [(text, n) for text, n in licences.most_common()],
        ),
        Table("Recordings of each species.", species_columns, species),
        Table(f"Attribution of {counted(len(credits), 'recording')}.", credit_columns, credits, folded=True),
    )
    data = {
        "facts": dict(facts),
        "licences": dict(licences),
        "classes": {
            row[0]: dict(zip([c.title for c in species_columns[2:]], row[2:], strict=True)) for row in species
        },
        "credits": list(dict.fromkeys(r.attribution for r in recordings)),
    }
    return Section("data", "Data card", blocks, data)


def settings_section(
    config: Mapping[str, Any], versions: Mapping[str, str], timings: Mapping[str, float]
) -> Section:
    """Everything that has to be known to make the figures again."""
    hidden = ("kind", "format_version", "labels")
    flat = {
        key if part is None else f"{key}: {part}": text
        for key, entry in config.items()
        if key not in hidden
        for part, text in (entry.items() if isinstance(entry, Mapping) else ((None, entry),))
        if part not in _UNUSED
    }
    rows = [(key.replace("_", " "), _plain(text)) for key, text in flat.items()]
    seconds: dict[str, float] = {}
    models = sorted(config.get("models", ()), key=len, reverse=True)  # a name may begin with another one
    for fit, spent in timings.items():
        model = next((name for name in models if fit.startswith(f"{name}-")), fit)
        seconds[model] = seconds.get(model, 0.0) + spent
    blocks = (
        Table("Configuration and seeds.", (Column("setting"), Column("value")), rows),
        Table("Versions.", (Column("package"), Column("version")), list(versions.items())),
        Table(
            "Training time of each model, all fits together.",
            (Column("model"), Column("seconds", ".1f")),
            list(seconds.items()),
        ),
    )
    data = {"config": dict(config), "versions": dict(versions), "timings": dict(timings)}
    return Section("settings", "Configuration, seeds, versions", blocks, data)


def classes_section(classes: Mapping[str, Mapping[str, Any]], labels: LabelSet, grouping: str) -> Section:
    """Figures of each class, from the recordings of all folds."""
    columns = (
        Column("species", "name"),
        Column("common name"),
        Column("recordings", "d"),
        Column("recall", "bar", "share of the species' recordings that are named correctly"),
        Column("precision", "bar", "share of the recordings with this name that are correct"),
        Column("F1", "bar"),
        Column("AP", "bar", "average precision, mean over the folds"),
        Column("ROC AUC", "bar", "mean over the folds"),
    )
    keys = ("recordings", "recall", "precision", "f1", "average_precision", "roc_auc")
    rows = [
        (label, labels.common_name(labels.index[label]), *(values.get(key) for key in keys))
        for label, values in classes.items()
    ]
    never = [label for label, values in classes.items() if values.get("recall") == 0]
    caption = f"Figures of each class, pooled over the {grouping} folds. Click a heading to sort."
    if never:
        caption += f" Recall 0: {', '.join(map(name, never))}."
    return Section(
        "classes", "Figures of each class", (Table(caption, columns, rows),), {"classes": dict(classes)}
    )


def _minutes(recordings: Sequence[Recording]) -> float | None:
    durations = [r.duration_s for r in recordings]
    known = [d for d in durations if d is not None]
    return sum(known) / 60 if len(known) == len(durations) else None


def _plain(entry: Any) -> str:
    if isinstance(entry, list | tuple):
        return ", ".join(map(_plain, entry))
    return "as published" if entry is None else str(entry)
