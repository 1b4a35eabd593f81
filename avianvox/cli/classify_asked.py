"""What the user asked of ``avianvox classify``: a field for each option."""

from dataclasses import dataclass
from pathlib import Path

from avianvox.api.asked import Asked


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassifyOptions(Asked):
    """The options of ``avianvox classify``: what is asked, where the answer goes and who works on it."""

    format_names: tuple[str, ...]
    per_file: bool | None
    output: str | None
    spreadsheet: bool
    resume: bool
    jobs: int | None
    scheduler: str
    dask_config: Path | None
    log_file: str | None
