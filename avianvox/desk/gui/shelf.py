"""What can be chosen on the page: models that name species, and what can be trained."""

from typing import Any

from avianvox.errors import ModelFileError
from avianvox.inference.place import GEO
from avianvox.modelfile import read_model_file
from avianvox.modelfolder import bundled_models, default_model, own_models
from avianvox.modelinfo import EMBEDDING
from avianvox.models import SUMMARIES
from avianvox.models.networks import DEFAULT_NETWORK, NETWORKS


def models() -> list[dict[str, Any]]:
    """Models as ``avianvox models list`` has them, the default first."""
    default, found = default_model(), []
    for name, path in (own_models() | bundled_models()).items():
        try:
            model = read_model_file(path)
        except ModelFileError as error:
            found.append({"name": name, "default": False, "error": str(error)})
            continue
        found.append(
            {
                "name": name,
                "default": name == default,
                "bundled": name in bundled_models(),
                "classes": len(model.info.labels),
                "kind": model.info.kind,
                "window_s": round(model.info.spec.window_s, 2),
                "geo": GEO in model.others,
                "ear": model.info.output(EMBEDDING) is not None,
                "licence": str(model.info.licences.get("model", "")),
                "error": "",
            }
        )
    return sorted(found, key=lambda one: not one["default"])


def trainable() -> list[dict[str, str]]:
    """What ``avianvox train`` makes a model file of: heads on ears that are there, and networks."""
    ears = [
        {"name": f"on:{one['name']}", "summary": f"head on {one['name']}, trained in seconds"}
        for one in models()
        if one.get("ear")
    ]
    names = sorted(NETWORKS, key=lambda name: name != DEFAULT_NETWORK)
    return [*ears, *({"name": name, "summary": SUMMARIES[name]} for name in names)]
