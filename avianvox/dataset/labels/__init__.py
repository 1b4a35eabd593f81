"""What a catalog's texts say of a voice: call type, sex and stage of life, in closed vocabularies.

Start at `avianvox.dataset.labels.columns`: the value of a column for a recording. `described` reads the texts
of a recording, `vocabulary` finds words in them, and each vocabulary is one table: `call_types`, `animals`.
"""
