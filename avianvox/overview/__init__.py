"""Pictures of a season: what was heard where and when, beside how long somebody listened.

`season` reads tables of detections once and keeps counts by hour, `results` says which rows those are, and
`written` puts page, pictures and tables into a folder. Start at `avianvox.overview.written.write_overview`.
"""
