"""What Keras is fed, and how a fault in a batch reaches the caller.

Keras makes the next batch in a thread of TensorFlow while a step runs. An error there would come out as pages
about a graph, of another class; `own_errors` brings back the one that was raised.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from avianvox.models.backend import keras


class Batches(keras.utils.PyDataset, ABC):  # type: ignore[misc]
    """Batches by number, which `made` makes.

    Attributes
    ----------
    failure : Exception or None
        Of the last batch that could not be made.
    """

    failure: Exception | None = None

    def __getitem__(self, index: int) -> Any:
        """As `made`."""
        try:
            return self.made(index)
        except Exception as error:
            self.failure = error
            raise

    @abstractmethod
    def made(self, index: int) -> Any:
        """Crops and their targets."""


@contextmanager
def own_errors(*fed: Batches | None) -> Iterator[None]:
    """In the block, what made a batch of ``fed`` fail is raised in place of what Keras makes of it."""
    try:
        yield
    except Exception:
        for batches in fed:
            if batches is not None and batches.failure is not None:
                raise batches.failure from None
        raise
