"""The card of a detector: what its model file says to people."""

from collections.abc import Mapping
from typing import Any

from avianvox.detect.figures import in_words
from avianvox.modelinfo import ModelInfo


def detector_card(info: ModelInfo) -> str:
    """The card, Markdown."""
    spec, provenance = info.spec, info.provenance
    licences = dict(info.licences)
    credit = licences.pop("credits", [])
    sections = [
        f"# {info.name}\n\n"
        f"A detector of boxes in time and frequency. Classes: {len(info.labels)}. Input: windows of "
        f"{spec.window_s:.2f} s of sound at {spec.sample_rate} Hz. Use: `avianvox detect find`.",
        "## Intended use\n\n"
        "To find and count voices, and to mark them for review. It is for the species and the recorders of "
        "the training recordings. Have important results checked by a person who knows the species.",
        "## Limits\n\n"
        + _bullets(
            [
                "It knows only its own classes. Other voices may be boxed under a wrong name.",
                "Scores are not calibrated: a score of 0.9 does not mean that 90 % of such boxes are right.",
                "Its figures are lower with other recorders, places and seasons than in training.",
            ]
        ),
        "## Figures\n\n"
        + _bullets(
            f"recordings {words}: {in_words(found, digits=2)}"
            for part, words in (
                ("validation", "held out"),
                ("train", "learned from (no estimate for new ones)"),
            )
            if (found := provenance.get("figures", {}).get(part))
        ),
        "## Training\n\n"
        + _bullets(
            f"{key.replace('_', ' ')}: {_plain(value)}"
            for key, value in provenance.items()
            if key != "figures"
        ),
        "## Licences and attribution\n\n"
        + _bullets(f"{key.replace('_', ' ')}: {_plain(value)}" for key, value in licences.items())
        + ("\n\nTraining recordings:\n\n" + _bullets(credit) if credit else ""),
        "## Verification\n\nLargest differences between this file and the Keras network at export:\n\n"
        + _bullets(f"{key.replace('_', ' ')}: {_plain(value)}" for key, value in info.parity.items()),
        "## Classes\n\n" + _bullets(info.labels.names),
    ]
    return "\n\n".join(sections) + "\n"


def _bullets(lines: Any) -> str:
    return "\n".join(f"- {line}" for line in lines)


def _plain(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(
            f"{key.replace('_', ' ')} {_plain(part)}" for key, part in value.items() if part != ""
        )
    if isinstance(value, list | tuple):
        return ", ".join(_plain(part) for part in value)
    return f"{value:.4g}" if isinstance(value, float) else str(value)
