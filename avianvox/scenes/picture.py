"""Pictures of scenes with their boxes."""

from pathlib import Path

from avianvox.audio.cut import cut
from avianvox.boxes.pictures import draw_boxes
from avianvox.dataset.catalog import read_catalog
from avianvox.errors import require_extra

_MOST_S = 60.0


def draw_scenes(part: Path, n: int) -> list[Path]:
    """Draw the first ``n`` scenes of a part beside their sound: a minute at most, a colour for each species.

    Raises
    ------
    MissingExtraError
        Matplotlib is not installed.
    AudioError, OutputError
    """
    require_extra("matplotlib", extra="plot", purpose="a picture of a scene")
    drawn = []
    for scene in read_catalog(part).recordings[:n]:
        picture = scene.path.with_suffix(".png")
        names = ", ".join((scene.label, *scene.background))
        title = f"synthetic {scene.id}: {names}; {scene.count} animals, {len(scene.boxes or ())} calls"
        for _, clip in cut(scene.path, [(0.0, _MOST_S)]):
            draw_boxes(clip, picture, title=title, found=scene.boxes or ())
        drawn.append(picture)
    return drawn
