"""Spectrograms for people: `plot_spectrogram`."""

from typing import TYPE_CHECKING

from avianvox.errors import require_extra

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from avianvox.api.clips import Heard


def plot_spectrogram(
    sound: "Heard",
    *,
    sample_rate: int | None = None,
    begin_s: float | None = None,
    end_s: float | None = None,
    context_s: float = 1.0,
    axes: "Axes | None" = None,
) -> "Axes":
    """Draw the spectrogram of a sound over seconds and kilohertz.

    Parameters
    ----------
    sound : path-like, np.ndarray, Waveform, Recording or Detection
        Of an event, what lies beside it is paled, and its box is drawn where it has one.
    sample_rate : int, Hz, optional
        Of an array.
    begin_s, end_s : float, seconds, optional
        The part that is drawn; by default an event with its surroundings, or the first two minutes.
    context_s : float, seconds
        What is drawn before and after an event.
    axes : matplotlib.axes.Axes, optional
        Where to draw; a new figure if left out.

    Returns
    -------
    matplotlib.axes.Axes
        ``axes.figure.savefig("event.png")`` keeps it.

    Raises
    ------
    AudioError, InputError
        Nothing can be decoded, or it is no sound.
    MissingExtraError
        matplotlib is not installed.

    Examples
    --------
    >>> import avianvox as av
    >>> axes = av.plot_spectrogram(av.events("recording.ogg")[0])
    >>> axes.get_title(loc="left")
    'Coccyzus vieilloti (Puerto Rican Lizard Cuckoo), 0.60, named, recording.ogg'
    """
    require_extra("matplotlib", extra="plot", purpose="plot_spectrogram()")
    from avianvox.api.clips import clip_of, title_of
    from avianvox.inference.spectrogram_picture import draw_clip

    clip, about = clip_of(sound, sample_rate=sample_rate, begin_s=begin_s, end_s=end_s, context_s=context_s)
    if axes is None:
        from matplotlib import pyplot

        _, axes = pyplot.subplots(figsize=(8.0, 3.6), layout="constrained")
    draw_clip(axes, clip, about)
    axes.set_title(title_of(about), fontsize=9, loc="left", parse_math=False)
    return axes
