"""``avianvox review``: a page on which people say what they hear in events and recordings.

- `material`: what is reviewed: the events of a table, and recordings; orders and lists of them.
- `said`: what was said of it, kept by :mod:`avianvox.verdicts`, a line on the disk for each verdict.
- `sounds`: pieces of recordings as sound and as spectrogram.
- `submitted`: from what the page sends to lines of the table.
- `pages`: the routes of all that.
"""
