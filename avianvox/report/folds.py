"""What the audit found, and what the folds share with their training parts."""

from collections.abc import Mapping
from typing import Any

from avianvox.pages.blocks import Column, Findings, Section, Table, Text


def folds_section(figures: Mapping[str, Any], audit: Mapping[str, Any] | None) -> Section:
    """What the audit found, and what the folds share with training."""
    columns = (
        Column("folds"),
        Column("training / test", "d"),
        Column("session shared", ".0%", "test recordings that share a session with training"),
        Column(
            "recordist and species shared",
            ".0%",
            "test recordings whose recordist recorded the same species in training",
        ),
        Column("not evaluated in every fold", "text"),
    )
    rows = []
    for grouping, report in figures["splits"].items():
        absent = sorted({*report["untrained"], *report["untested"]})
        names = ", ".join(f"*{label}*" for label in absent[:8]) + (
            f" and {len(absent) - 8} more" if absent[8:] else ""
        )
        sizes = ", ".join(f"{a} / {b}" for a, b in report["sizes"])
        rows.append((grouping, sizes, report["shared_session"], report["shared_recordist"], names or "none"))
    table = Table("Overlap of training and test.", columns, rows)
    findings = list(audit["findings"]) if audit else []
    if audit is None:
        first = Text(
            "This run holds no audit, because an earlier version made it. Run it with: `avianvox audit "
            "CATALOG`."
        )
        return Section("audit", "Audit", (first, table), {"splits": figures["splits"]})
    if not findings:
        return Section("audit", "Audit", (Text("The audit found no problem."), table), dict(audit))
    return Section("audit", "Audit", (Findings(findings), table), {**audit, "splits": figures["splits"]})
