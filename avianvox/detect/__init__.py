"""A detector of boxes around voices, in time and frequency, of the Faster R-CNN family.

A trunk of convolutions looks at a window of log-mel power; from its map, anchors become proposals (`anchors`,
`proposals`), and what the map holds at each proposal becomes a class and a better box (`network`). `train`
makes a run folder, `export` a model file, and `Detector` finds boxes with it by LiteRT alone, in recordings
of any length.

Boxes of a window are arrays of shape (n, 4): begin and end in frames, low and high in bands (`geometry`).

References
----------
Ren et al., "Faster R-CNN: towards real-time object detection with region proposal networks", 2015.
He et al., "Mask R-CNN", 2017, for pooled regions with bilinear sampling.
Lin et al., "Feature pyramid networks for object detection", 2017.
"""
