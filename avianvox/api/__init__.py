"""The front door: what ``import avianvox`` offers, and what the commands are made of.

:mod:`avianvox` itself lists the public names. A module here is one thing to do: recordings are classified
(``recordings``), live sound is listened to (``live``), models are taught (``teach``) and opened (``models``),
and what is found is shown (``detections``, ``display``). Nothing here prints, asks or ends the program.
"""
