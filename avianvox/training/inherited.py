"""What a network learned from besides its recordings, and whose licences it therefore carries on.

``config.json`` of a run lists it under ``inherited``: each entry with ``kind`` (``weights`` of a run,
``embedding`` of a teacher, ``samples`` of a generator, or ``unlabelled sound``), ``name``, ``sha256`` and
``licences`` as a model file has them. Entries of an origin's own origins follow it.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

from avianvox.config import Choice, row_of
from avianvox.dataset.patches import PATCHES, PatchBank
from avianvox.dataset.training_data import TrainingData
from avianvox.files import named, sha256_file
from avianvox.modelfile import read_model_file
from avianvox.modelfolder import find_model
from avianvox.models.protocol import TrainSettings
from avianvox.runfolder import catalog_hash
from avianvox.training.generated import GENERATED
from avianvox.training.origin import Origin
from avianvox.training.run import INHERITED
from avianvox.training.samplers import SAMPLERS
from avianvox.types import Recording

BESIDES = {"besides_hash": "species in the background", "sampler_hash": "weights of the sampler"}
"""What a fit learns from that neither settings nor recordings tell: keys, and their words."""


def hashes_besides(settings: TrainSettings, data: TrainingData) -> dict[str, str]:
    """Hashes of the rows of `BESIDES` that a network of ``settings`` learns from."""
    found = {}
    if settings.also:
        found["besides_hash"] = sha256(repr(data.besides).encode()).hexdigest()
    if digest := getattr(row_of(SAMPLERS, settings.sampler, "train.sampler"), "digest", None):
        found["sampler_hash"] = digest(data)
    return found


def of_origin(origin: Origin) -> list[dict[str, Any]]:
    """The weights of a run, and what that run inherited."""
    config = origin.run.config
    own = {"recordings": config["licences"], "credits": config["credits"]}
    entry = {"kind": "weights", "name": named(origin.run.path).name, "sha256": origin.sha256, "licences": own}
    return [entry, *config.get(INHERITED, ())]


def of_teacher(model: str) -> list[dict[str, Any]]:
    """What an ear by name or file said of recordings."""
    found = read_model_file(find_model(model))
    own = {key: value for key, value in found.info.licences.items() if key not in ("recordings", "credits")}
    own["model"] = str(own.get("model", "not stated"))
    name, sha256 = found.info.name, found.hashes["flatbuffer"]
    return [{"kind": "embedding", "name": name, "sha256": sha256, "licences": own}]


def of_unlabelled(recordings: Sequence[Recording]) -> list[dict[str, Any]]:
    """Recordings without a label that a network may have learned from."""
    licences = Counter(recording.licence or "not stated" for recording in recordings)
    own = {
        "recordings": dict(sorted(licences.items())),
        "credits": sorted({r.attribution for r in recordings}),
    }
    name, digest = f"{len(recordings)} recordings", catalog_hash(recordings)
    return [{"kind": "unlabelled sound", "name": name, "sha256": digest, "licences": own}]


def of_samples(generated: str | Choice) -> list[dict[str, Any]]:
    """What a generator made of recordings, for ``[train.generated]``."""
    folder = Path(row_of(GENERATED, generated, "train.generated").patches)
    about = PatchBank.open(folder).about
    own = {"recordings": about["licences"], "credits": about["credits"]}
    sha256 = sha256_file(folder / PATCHES)
    return [{"kind": "samples", "name": folder.resolve().name, "sha256": sha256, "licences": own}]


def licences_of(config: Mapping[str, Any], licence: str) -> dict[str, Any]:
    """Licences and credits of a run's model, as a model file has them.

    Parameters
    ----------
    config : mapping
        What ``config.json`` of the run holds.
    licence : str
        Of the model, by whoever exports it; it stands beside what is inherited.
    """
    entries = [entry["licences"] for entry in config.get(INHERITED, ())]
    models = dict.fromkeys([entry["model"] for entry in entries if "model" in entry] + [licence])
    recordings, credits = Counter(config["licences"]), set(config["credits"])
    others: dict[str, Any] = {}
    for entry in entries:
        recordings.update(entry.get("recordings", {}))
        credits.update(entry.get("credits", ()))
        others |= {key: value for key, value in entry.items() if key not in ("recordings", "credits")}
    return {
        **others,
        "model": "; ".join(part for part in models if part)
        or "not stated; the licences of the recordings apply",
        "recordings": dict(sorted(recordings.items())),
        "credits": sorted(credits),
    }
