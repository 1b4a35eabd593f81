"""Labels that somebody should look at: two that may be one, and one that may be two."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator

from avianvox.words import name_key

_BETWEEN_NAMES = re.compile(r"[,;/+&]| and ", re.IGNORECASE)


def label_remarks(counts: Counter[str]) -> Iterator[str]:
    """One line for each doubtful label.

    Two labels are hardly different where only capitals, spaces, accents or hyphens tell them apart. A label
    looks like several names where each part of it is two words, or a label itself. "Crow, American" may be
    one name: labels with such a comma share one line. A label that begins with a sign is hardly a name.

    Parameters
    ----------
    counts : Counter of str
        Recordings by label.

    Examples
    --------
    >>> for line in label_remarks(Counter({"Parus major": 9, "Parus Major": 1})):
    ...     print(line)
    'Parus Major' (1 recording) and 'Parus major' (9) are two classes; if they are one, write them alike
    """
    alike: dict[str, list[str]] = defaultdict(list)
    for label, _ in counts.most_common():
        alike[name_key(label) or label].append(label)
    for first, *others in alike.values():
        for other in others:
            yield (
                f"'{other}' ({_recordings(counts[other])}) and '{first}' ({counts[first]}) are two classes; "
                "if they are one, write them alike"
            )
    with_comma = [label for label in counts if "," in label and not _several(label, counts)]
    if with_comma:
        more = f" and {len(with_comma) - 1} more" if len(with_comma) > 1 else ""
        yield (
            f"'{with_comma[0]}'{more}: a comma stands in the label; if it is a list of species, label each "
            "recording with one"
        )
    for label, n in counts.items():
        if label and not label[0].isalnum():
            yield f"'{label}' ({_recordings(n)}) begins with '{label[0]}'; is it the name of a species?"
        if _several(label, counts):
            yield (
                f"'{label}' ({_recordings(n)}) is one class and looks like several species; label each "
                "recording with one, and name the others as background"
            )


def _several(label: str, counts: Counter[str]) -> bool:
    parts = [part.strip() for part in _BETWEEN_NAMES.split(label)]
    return len(parts) > 1 and all(" " in part or part in counts for part in parts)


def _recordings(n: int) -> str:
    return f"{n} recording{'' if n == 1 else 's'}"
