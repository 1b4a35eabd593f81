"""What a script without avianvox does: librosa reads and describes a file, Keras names its windows.

python librosa_keras.py make MODEL N_CLASSES, then python librosa_keras.py MODEL SOUND. The network is that of
avianvox's bundled model, with random weights: its names mean nothing, and take as long.
"""

import os
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import librosa
import numpy as np

RATE, N_FRAMES, N_MELS, N_MFCC = 22050, 128, 128, 20


def make(path: str, n_classes: int) -> None:
    layers = [keras.Input((N_FRAMES, N_MELS, 1))]
    for _ in range(3):
        layers += [keras.layers.Conv2D(64, 3, activation="relu"), keras.layers.MaxPooling2D(3)]
    layers += [keras.layers.GlobalAveragePooling2D(), keras.layers.Dense(n_classes, activation="softmax")]
    keras.Sequential(layers).save(path)


def classify(sound: str, path: str) -> np.ndarray:
    """Mean scores over the windows, shape (n_classes,)."""
    samples, _ = librosa.load(sound, sr=RATE)
    mel = librosa.power_to_db(librosa.feature.melspectrogram(y=samples, sr=RATE, n_mels=N_MELS))
    mel[:N_MFCC] = librosa.feature.mfcc(S=mel, n_mfcc=N_MFCC)
    n_windows = mel.shape[1] // N_FRAMES
    windows = mel[:, : n_windows * N_FRAMES].T.reshape(n_windows, N_FRAMES, N_MELS, 1)
    scores: np.ndarray = keras.saving.load_model(path).predict(windows, verbose=0)
    return scores.mean(axis=0)


if __name__ == "__main__":
    if sys.argv[1] == "make":
        make(sys.argv[2], int(sys.argv[3]))
    else:
        print(classify(sys.argv[2], sys.argv[1]).argmax())
