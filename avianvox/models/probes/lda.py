"""Linear discriminant analysis with a shrunken covariance, for few recordings of many numbers."""

from functools import partial

import numpy as np

from avianvox.models.probes.heard import Heard
from avianvox.models.probes.probe import Probe, Scorer, classifier_scorer
from avianvox.models.protocol import TrainSettings


def fit_discriminant(heard: Heard, targets: np.ndarray, settings: TrainSettings, seed: int) -> Scorer:
    """Classes of one covariance, that of all recordings around their classes' means, shrunk towards a sphere.

    Every class is as likely as the others. The shrinkage is that of Ledoit and Wolf.

    References
    ----------
    Ledoit and Wolf, "A well-conditioned estimator for large-dimensional covariance matrices", 2004.
    """
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    n_seen = len(np.unique(targets))
    analysis = LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto", priors=np.full(n_seen, 1 / n_seen))
    return classifier_scorer(make_pipeline(StandardScaler(), analysis), heard, targets)


lda = partial(Probe, fit_discriminant)
