"""A finished model on labelled recordings: what it gets right, what it misses, and how often it cries wolf.

Start at `run.judge`. `sounds` says what is listened to, `listening` keeps a model's answers, `figures` and
`alarms` count, `thresholds` chooses on one set what is confirmed on another, `page` shows it.
"""
