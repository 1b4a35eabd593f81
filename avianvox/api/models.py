"""Models and tables, opened."""

from os import PathLike
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from avianvox.api.tables import Detections
    from avianvox.inference.classifier import Classifier


def load_model(name: "str | PathLike[str] | None" = None, *, threads: int = 1) -> "Classifier":
    """Load a model, once, for what needs more than `classify`: its labels, scores of every window, a stream.

    Parameters
    ----------
    name : str or path-like, optional
        Name of a model, or a model file; the default one of this computer, mostly the bundled one.
    threads : int
        Of the runtime.

    Returns
    -------
    Classifier
        Sound in, scored windows out. One object serves one thread.

    Raises
    ------
    ModelFileError
        There is no such model, or its file is damaged.

    Examples
    --------
    >>> import avianvox as av
    >>> model = av.load_model()
    >>> len(model.labels), model.labels[0]
    (36, 'Agelaius xanthomus')
    >>> window = model.classify("recording.ogg").windows[1]
    >>> round(window.begin_s, 1), round(window.end_s, 1), window.scores.shape
    (3.0, 8.9, (36,))
    """
    from avianvox.inference.classifier import Classifier
    from avianvox.modelfolder import default_model

    return Classifier.load(str(name or default_model()), threads=threads)


def read_table(path: "str | PathLike[str]", *, format: str | None = None) -> "Detections":
    """Read a table of detections or annotations, or a folder of such tables.

    Parameters
    ----------
    path : path-like
        CSV, JSON lines, Parquet, Raven, Audacity, Kaleidoscope, BirdNET and others; see docs/tables.md.
    format : str, optional
        A name in `avianvox.tables.formats.FORMATS`; by default what the content says.

    Returns
    -------
    Detections

    Raises
    ------
    InputError
        There is no such table, or something in it isn't valid; the message names the line.

    Examples
    --------
    >>> import avianvox as av
    >>> av.events("recording.ogg").save("events.csv")
    >>> [row.begin_s for row in av.read_table("events.csv")]
    [0.0]
    """
    from avianvox.api.tables import Detections
    from avianvox.tables.formats import read_table as rows_of

    return Detections(rows_of(str(path), format))
