"""scikit-learn's classifiers as the ladder uses them: each is made from settings and a seed.

What is kept of a fitted one is its `Head`: `fit_head` leads there.

They see standardised numbers, and their settings are the plain ones; none was searched for on test folds.
"""

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from avianvox.errors import InputError, require_extra
from avianvox.models.head import Dense, Head
from avianvox.models.protocol import TrainSettings
from avianvox.randomness import library_state

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


def weak_regression(c: float) -> ClassifierFactory:
    """Logistic regressions with another penalty: the smaller ``c``, the smaller their weights."""

    def make(settings: TrainSettings, seed: int) -> Any:
        classifier = logistic_regression(settings, seed)
        classifier.set_params(logisticregression__C=c)
        return classifier

    return make


def perceptron(settings: TrainSettings, seed: int) -> Any:
    """Two hidden layers of 256 ReLU units, Adam; epochs, batch and learning rate as in ``settings``."""
    require_extra("sklearn", extra="train", purpose="a perceptron")
    from sklearn.neural_network import MLPClassifier

    network = MLPClassifier(
        HIDDEN,
        batch_size=settings.batch_size,
        learning_rate_init=settings.learning_rate,
        max_iter=settings.epochs,
        random_state=library_state(seed),
    )
    return _standardised(network)


def fit_head(
    classifier: Any,
    values: np.ndarray,
    targets: np.ndarray,
    *,
    n_classes: int,
    weights: np.ndarray | None = None,
) -> Head:
    """Fit a classifier of this module and keep what it learned.

    ``weights``: of each row of ``values``, for a regression; equal when left out. The rest is as in `learn`.
    """
    learn(classifier, values, targets, weights=weights)
    return head_of(classifier, n_classes)


def head_of(classifier: Any, n_classes: int) -> Head:
    """The same scores as a fitted classifier's, of naive Bayes, a regression or a perceptron."""
    classes = np.asarray(classifier.classes_, np.int64)
    if hasattr(classifier, "var_"):
        seen = classifier.class_prior_ > 0
        return Head((_gaussian(classifier, seen),), classes[seen], n_classes, squares=True)
    scaler, model = classifier[0], classifier[-1]
    if hasattr(model, "coefs_"):
        weights, biases = list(model.coefs_), list(model.intercepts_)
    else:
        weights, biases = [model.coef_.T], [model.intercept_]
    biases[0] = biases[0] - np.einsum("i,io->o", scaler.mean_ / scaler.scale_, weights[0])
    weights[0] = weights[0] / scaler.scale_[:, None]
    if weights[-1].shape[1] == 1:  # of two classes, the second one's
        weights[-1], biases[-1] = (np.concatenate([0 * x, x], axis=-1) for x in (weights[-1], biases[-1]))
    layers = [Dense(*pair, "relu") for pair in zip(weights[:-1], biases[:-1], strict=True)]
    return Head((*layers, Dense(weights[-1], biases[-1])), classes, n_classes)


def _gaussian(classifier: Any, seen: np.ndarray) -> Dense:
    """The logarithm of a class's density is linear in the numbers and their squares."""
    mean, variance = classifier.theta_[seen], classifier.var_[seen]
    constant = (np.square(mean) / variance + np.log(2 * np.pi * variance)).sum(axis=1)
    weight = np.concatenate([mean / variance, -0.5 / variance], axis=1).T
    return Dense(np.ascontiguousarray(weight), np.log(classifier.class_prior_[seen]) - 0.5 * constant)


def learn(
    classifier: Any, values: np.ndarray, targets: np.ndarray, *, weights: np.ndarray | None = None
) -> None:
    """Fit in place, on one thread: the numbers don't depend on how many cores there are, and with matrices
    this small more threads would wait for each other.

    To end after the epochs asked for is no reason to warn, nor is a batch larger than the recordings: it is
    cut to them. Nor are few recordings of many classes, as at the begin of a learning curve.

    Raises
    ------
    InputError
        All recordings belong to one class, or a value is not finite.
    """
    if len(np.unique(targets)) < 2:
        raise InputError("expected training recordings of two classes or more, got one class")
    if not np.isfinite(values).all():
        raise InputError(
            "expected finite features, got others: the feature store is damaged; list what is with: avianvox "
            "features verify STORE, and build it anew"
        )
    from sklearn.exceptions import ConvergenceWarning
    from threadpoolctl import threadpool_limits

    options = {} if weights is None else {"logisticregression__sample_weight": weights}
    with warnings.catch_warnings(), threadpool_limits(1):
        warnings.simplefilter("ignore", ConvergenceWarning)
        warnings.filterwarnings("ignore", "Got `batch_size`", UserWarning)
        warnings.filterwarnings("ignore", "The number of unique classes", UserWarning)
        classifier.fit(values, targets, **options)


def _standardised(classifier: Any) -> Any:
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    return make_pipeline(StandardScaler(), classifier)
