"""Named randomness: every draw says what it is for, and nothing reads global state.

``derive_rng(seed, "split", 3)`` is always the same generator, whatever ran before it, in whichever
process. ``derive_uniform`` does the same for many keys at once, which is how crops are drawn.
"""

from hashlib import blake2b

import numpy as np

Name = str | int


def hash_name(*parts: Name) -> int:
    """A 64-bit hash of a sequence of names and numbers, the same on every machine.

    Names of files that are not UTF-8 count with the bytes they have on the disk.
    """
    text = "\x1f".join(f"{type(part).__name__}:{part}" for part in parts)
    return int.from_bytes(blake2b(text.encode("utf-8", "surrogateescape"), digest_size=8).digest(), "little")


def derive_rng(seed: int, *names: Name) -> np.random.Generator:
    """A generator that depends on the seed and the names alone.

    Examples
    --------
    >>> a = derive_rng(7, "crop", 0, "XC1").integers(100)
    >>> b = derive_rng(7, "crop", 0, "XC1").integers(100)
    >>> bool(a == b)
    True
    """
    return np.random.Generator(np.random.PCG64(hash_name(seed, *names)))


def library_state(seed: int) -> int:
    """A seed as other libraries take it, from 0 to 2**32 - 1: most seeds as they are.

    Examples
    --------
    >>> library_state(7), library_state(-1)
    (7, 4294967295)
    """
    return seed % 2**32


def derive_uniform(seed: int, *names: Name, keys: np.ndarray) -> np.ndarray:
    """One uniform number in [0, 1) for each 64-bit key, independent of order and grouping.

    Parameters
    ----------
    seed : int
    *names : str or int
        What the numbers are for, for example ``"crop", epoch``.
    keys : np.ndarray, shape (n,), uint64
        For example ``hash_name(recording_id)`` for each recording.

    Returns
    -------
    np.ndarray, shape (n,), float64 in [0, 1)

    References
    ----------
    SplitMix64 finaliser: Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014.
    """
    with np.errstate(over="ignore"):
        z = keys.astype(np.uint64) + np.uint64(hash_name(seed, *names))
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z = z ^ (z >> np.uint64(31))
    return (z >> np.uint64(11)).astype(np.float64) * 2.0**-53
