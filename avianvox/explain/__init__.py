"""Why a model answers as it does: what it listens to, what it has learned, and whether that is the voice.

``heard`` is a recording as a model hears it, window by window; a method of ``methods`` gives each window a
map, and ``maps`` joins them over the recording and compares them with the vocal mask. Occlusion needs no more
than the scores, so any model file can be asked, one that others trained too; Grad-CAM, attention, filters and
activation maximisation look into a network of a training run (``network``). ``deletion`` and ``shuffled`` ask
whether a map deserves trust, ``judged`` what overlap says of right and wrong answers, ``components`` which
principal components the features of a store have. ``figures`` draws, ``written`` keeps folders.
"""
