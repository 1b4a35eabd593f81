"""Labels that somebody should look at: two that may be one, and one that may be two."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator

from avianvox.types import name_key

_BETWEEN_NAMES = re.compile(r"[,;/+&]| and ", re.IGNORECASE)


def label_remarks(counts: Counter[str]) -> Iterator[str]:
    """One line for each doubtful label.

    Two labels are hardly different where only capitals, spaces, accents or hyphens tell them apart. A label
    looks like several names where each part of it is two words, or a label itself: "Crow, American" does not.

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
    for label, n in counts.items():
        parts = [part.strip() for part in _BETWEEN_NAMES.split(label)]
        if len(parts) > 1 and all(" " in part or part in counts for part in parts):
            yield (
                f"'{label}' ({_recordings(n)}) is one class and looks like several species; label each "
                "recording with one, and name the others as background"
            )


def _recordings(n: int) -> str:
    return f"{n} recording{'' if n == 1 else 's'}"
