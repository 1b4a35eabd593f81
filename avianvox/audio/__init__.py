"""Sound comes in here: files are found, recognised by their content, decoded in blocks and resampled.

Start reading at :mod:`avianvox.audio.decode`. ``sources`` opens a file with the decoder that its content asks
for: ``headers`` recognises formats by their first bytes, ``sndfile`` reads what libsndfile reads, ``foreign``
the rest through ffmpeg or audioread. ``resample`` mixes to mono and changes the rate, ``probe`` gives every
file its status, ``find`` turns arguments into files, ``cut`` and ``excerpt`` read a part of a recording.

When and where a recording was made is read by :mod:`avianvox.audio.field_notes`: ``tags`` takes the notes out
of a file; ``guano``, ``wamd``, ``audiomoth``, ``xeno_canto`` and ``names`` understand them.
"""
