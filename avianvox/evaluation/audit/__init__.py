"""Audit: what a catalog and its splits give away without a bird being heard.

Start at `avianvox.evaluation.audit.index.audit_recordings`. ``findings`` holds what an audit says, ``index``
looks at the catalog alone, ``sound`` at what ``duplicates``, ``facts`` and ``probes`` hear, and ``durations``
at how a model's accuracy goes with the length of its classes' recordings.
"""
