"""What augmentations that put two crops into one have in common."""

from avianvox.errors import ConfigError


def check_pairing(alpha: float, share: float) -> None:
    """Raise `ConfigError` unless pairs can be drawn: from Beta(alpha, alpha), for ``share`` of the crops."""
    if not (0 < alpha < float("inf") and 0 < share <= 1):
        raise ConfigError(
            f"[train.augment] expected alpha above 0 and a share above 0, at most 1, got {alpha} and {share}"
        )
