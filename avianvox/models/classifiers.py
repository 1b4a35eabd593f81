"""scikit-learn's classifiers as the ladder uses them: each is made from settings and a seed.

They see standardised numbers, and their settings are the plain ones; none was searched for on test folds.
"""

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from avianvox.errors import InputError, require_extra
from avianvox.models.protocol import TrainSettings

ClassifierFactory = Callable[[TrainSettings, int], Any]
"""``make(settings, seed)`` is an unfitted classifier of scikit-learn."""

HIDDEN = (256, 256)
"""Units of the perceptron's two hidden layers."""

_MOST_STEPS = 1000  # of the logistic regression's solver; about a hundred are needed


def naive_bayes(settings: TrainSettings, seed: int) -> Any:
    """Gaussian naive Bayes; it draws nothing."""
    require_extra("sklearn", extra="train", purpose="naive Bayes")
    from sklearn.naive_bayes import GaussianNB

    return GaussianNB()


def logistic_regression(settings: TrainSettings, seed: int) -> Any:
    """Multinomial logistic regression with scikit-learn's own penalty (C = 1); it draws nothing."""
    require_extra("sklearn", extra="train", purpose="logistic regression")
    from sklearn.linear_model import LogisticRegression

    return _standardised(LogisticRegression(max_iter=_MOST_STEPS))


def perceptron(settings: TrainSettings, seed: int) -> Any:
    """Two hidden layers of 256 ReLU units, Adam; epochs, batch and learning rate as in ``settings``."""
    require_extra("sklearn", extra="train", purpose="a perceptron")
    from sklearn.neural_network import MLPClassifier

    network = MLPClassifier(
        HIDDEN,
        batch_size=settings.batch_size,
        learning_rate_init=settings.learning_rate,
        max_iter=settings.epochs,
        random_state=seed,
    )
    return _standardised(network)


def learn(classifier: Any, values: np.ndarray, targets: np.ndarray) -> None:
    """Fit in place, on one thread: the numbers don't depend on how many cores there are, and with matrices
    this small more threads would wait for each other.

    To end after the epochs asked for is no reason to warn, nor is a batch larger than the recordings: it is
    cut to them.

    Raises
    ------
    InputError
        All recordings belong to one class.
    """
    if len(np.unique(targets)) < 2:
        raise InputError("expected training recordings of two classes or more, got one class")
    from sklearn.exceptions import ConvergenceWarning
    from threadpoolctl import threadpool_limits

    with warnings.catch_warnings(), threadpool_limits(1):
        warnings.simplefilter("ignore", ConvergenceWarning)
        warnings.filterwarnings("ignore", "Got `batch_size`", UserWarning)
        classifier.fit(values, targets)


def probabilities(classifier: Any, values: np.ndarray, n_classes: int) -> np.ndarray:
    """Scores in the order of all classes; one that was not trained has 0. Shape (n, n_classes), float32."""
    from threadpoolctl import threadpool_limits

    scores = np.zeros((len(values), n_classes), np.float32)
    # naive Bayes: a class without a recording has the prior 0
    with np.errstate(divide="ignore"), threadpool_limits(1):
        scores[:, classifier.classes_] = classifier.predict_proba(values)
    return scores


def _standardised(classifier: Any) -> Any:
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    return make_pipeline(StandardScaler(), classifier)
