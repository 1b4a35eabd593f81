"""librosa as the oracle: the features that ours are held against."""

import librosa
import numpy as np

from avianvox.features.spec import FeatureSpec


def librosa_features(samples: np.ndarray, spec: FeatureSpec) -> np.ndarray:
    """Log-mel power in dB, then MFCC: shape (n_frames, n_features)."""
    power = librosa.feature.melspectrogram(
        y=samples,
        sr=spec.sample_rate,
        n_fft=spec.n_fft,
        hop_length=spec.hop_length,
        n_mels=spec.n_mels,
        fmin=spec.fmin_hz,
        fmax=spec.fmax_hz,
    )
    log_mel = librosa.power_to_db(power, ref=1.0, amin=spec.log_floor, top_db=None)
    return np.concatenate([log_mel, librosa.feature.mfcc(S=log_mel, n_mfcc=spec.n_mfcc)]).T
