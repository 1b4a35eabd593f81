"""Training a gate: `avianvox.inference.gate` asks it whether anything calls in a window.

``noises`` makes sounds without a voice, and mixes; ``examples`` turns a catalog and its store into windows
with numbers; ``fit`` learns from them. Start with `train_gate`. What is measured on windows that took no part
in the fit is in `avianvox.evaluation.gate_curve`.
"""

from avianvox.models.gate.fit import train_gate

__all__ = ["train_gate"]
