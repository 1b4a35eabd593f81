"""Tables as avianvox and other programs write them; an arrow stands for a tab."""

from typing import Any

from avianvox.types import Detection

RAVEN = "Selection→View→Channel→Begin Time (s)→End Time (s)→Low Freq (Hz)→High Freq (Hz)"
"""The columns that every selection table of Raven has."""


def tabbed(text: str) -> str:
    return text.replace("→", "\t")


def span(path: str, begin_s: float, end_s: float, name: str = "", **more: Any) -> Detection:
    return Detection(path, begin_s=begin_s, end_s=end_s, scientific_name=name, **more)


WRITTEN = {
    "raven": (
        f"{RAVEN}→Annotation→Common Name→Confidence→Begin Path→Begin File→File Offset (s)\n"
        "1→Spectrogram 1→2→0.000000→3.000000→1000.0→2500.5→Aus bus→Ay, the 'bee'→0.9000→night/a.wav"
        "→a.wav→0.000000\n"
        "2→Spectrogram 1→1→58.500000→60.000000→0.0→11025.0→Cus dus→→0.2500→night/a.wav→a.wav→58.500000\n"
        "3→Spectrogram 1→1→60.000000→68.000000→0.0→11025.0→Cus dus→→0.5000→night/b.wav→b.wav→0.000000\n"
    ),
    "kaleidoscope": (
        "INDIR,FOLDER,IN FILE,CHANNEL,OFFSET,DURATION,DATE,TIME,Fmin,Fmax,TOP1MATCH*,TOP1DIST,MANUAL ID,"
        "common_name,confidence\n"
        "night,,a.wav,1,0.000000,3.000000,2020-12-06,10:06:19,1000.0,2500.5,Aus bus,0.1000,,"
        '"Ay, the ""bee""",0.9000\n'
        "night,,a.wav,,58.500000,1.500000,,,,,Cus dus,0.7500,,,0.2500\n"
        "night,,b.wav,,0.000000,8.000000,,,,,Cus dus,0.5000,,,0.5000\n"
    ),
    "birdnet": (
        "Start (s),End (s),Scientific name,Common name,Confidence,File\n"
        '0.000,3.000,Aus bus,"Ay, the ""bee""",0.9000,night/a.wav\n'
        "58.500,60.000,Cus dus,,0.2500,night/a.wav\n"
        "0.000,8.000,Cus dus,,0.5000,night/b.wav\n"
    ),
    "generic_seq": (
        "label,onset_s,offset_s,notated_path,annot_path,sequence,annotation\n"
        "Aus bus,0.000000,3.000000,night/a.wav,t.generic_seq,0,0\n"
        "Cus dus,58.500000,60.000000,night/a.wav,t.generic_seq,0,0\n"
        "Cus dus,0.000000,8.000000,night/b.wav,t.generic_seq,0,1\n"
    ),
}
"""Of `NIGHT`, which ends in a file that failed: it is left out."""

OF_ONE = {
    "audacity": "0.000000→3.000000→Aus bus\n58.500000→60.000000→Cus dus\n",
    "audacity_boxes": (
        "0.000000→3.000000→Aus bus\n\\→1000.000000→2500.500000\n"
        "58.500000→60.000000→Cus dus\n\\→0.000000→11025.000000\n"
    ),
    "simple_seq": "onset_s,offset_s,label\n0.000000,3.000000,Aus bus\n58.500000,60.000000,Cus dus\n",
}
"""Of the first recording in `NIGHT`."""


WRENS = {"channel": 1, "low_hz": 1000.0, "high_hz": 3000.0, "name": "Wren"}

FOREIGN = {
    "Raven Pro, waveform and spectrogram view": (
        "raven",
        "a.Table.1.selections.txt",
        f"{RAVEN}→Species\r\n"
        "1→Waveform 1→1→154.5→155→1000→3000.0→Wren\r\n"
        "1→Spectrogram 1→1→154.5→155→1000→3000.0→Wren\r\n",
        [span("a", 154.5, 155.0, **WRENS)],
    ),
    "Raven, several files, times counted on": (
        "raven",
        "night.txt",
        f"{RAVEN}→Begin File→File Offset (s)→Annotation\n"
        "1→Spectrogram 1→1→65.0→66.5→1000→3000→b.wav→5.0→Wren\n",
        [span("b.wav", 5.0, 6.5, **WRENS)],
    ),
    "Raven, decimal commas, Windows' letters": (
        "raven",
        "a.selections.txt",
        "Selection→Begin Time (s)→End Time (s)→Label\n1→1,5→2,25→Pájaro\n",
        [span("a", 1.5, 2.25, "Pájaro")],
    ),
    "BirdNET's Raven table": (
        "raven",
        "a.BirdNET.selection.table.txt",
        f"{RAVEN}→Common Name→Species Code→Confidence→Begin Path→File Offset (s)\n"
        "1→Spectrogram 1→1→0.0→3.0→0→15000→Ay→eurbla1→0.8700→/data/a.wav→0.0\n"
        "2→Spectrogram 1→1→0→3→0→15000→nocall→nocall→1.0→/data/b.wav→0\n",
        [span("/data/a.wav", 0.0, 3.0, channel=1, low_hz=0.0, high_hz=15000.0, common_name="Ay", score=0.87)],
    ),
    "Audacity, points and labels without text": (
        "audacity",
        "a.txt",
        "2.150000→2.150000→point\n3.400000→6.100000\n",
        [span("a", 2.15, 2.15, "point"), span("a", 3.4, 6.1)],
    ),
    "Audacity, frequencies for some labels": (
        "audacity_boxes",
        "a.txt",
        "1.0→1.0→x\n\\→6928.5→6928.5\n2.0→3.0→y\n3.0→4.0→z\n\\→-1.0→-1.0\n",
        [
            span("a", 1.0, 1.0, "x", low_hz=6928.5, high_hz=6928.5),
            span("a", 2.0, 3.0, "y"),
            span("a", 3.0, 4.0, "z"),
        ],
    ),
    "BirdNET's labels of four columns": (
        "audacity",
        "a.BirdNET.results.txt",
        "0.0→3.0→Aus bus, Ay→0.8700\n",
        [span("a", 0.0, 3.0, "Aus bus", common_name="Ay", score=0.87)],
    ),
    "Kaleidoscope's clusters; a distance is no score": (
        "kaleidoscope",
        "cluster.csv",
        "INDIR,FOLDER,IN FILE,CHANNEL,OFFSET,DURATION,DATE,TIME,Fmin,Fmean,Fmax,TOP1MATCH*,TOP1DIST\n"
        "D:\\birds,night1,S4_20240701_235959.wav,0,0.5,1.25,2024-07-01,23:59:59,1000,1500,3000,Wren,0.35\n",
        [
            span(
                "D:\\birds\\night1\\S4_20240701_235959.wav",
                0.5,
                1.75,
                begin_time="2024-07-01T23:59:59.500",
                end_time="2024-07-02T00:00:00.750",
                time_source="kaleidoscope",
                **WRENS,
            )
        ],
    ),
    "Kaleidoscope without the asterisk; a person decided": (
        "kaleidoscope",
        "id.csv",
        "INDIR,FOLDER,IN FILE,OFFSET,DURATION,DATE,TOP1MATCH,MANUAL ID\n"
        "/x,y,a.wav,0,5,1/7/2024,Human,Aus bus\n/x,y,a.wav,5,5,,Human,\n",
        [
            span("/x/y/a.wav", 0.0, 5.0, "Aus bus", message="DATE '1/7/2024': no certain time"),
            span("/x/y/a.wav", 5.0, 10.0, "Human"),
        ],
    ),
    "Kaleidoscope after a spreadsheet; one date tells the order of the others": (
        "kaleidoscope",
        "id.csv",
        "INDIR,FOLDER,IN FILE,OFFSET,DURATION,DATE,TIME,AUTO ID\n"
        "/x,y,a.wav,10,5,6/1/2024,9:59:55 PM,Aus bus\n/x,y,b.wav,0,5,6/13/2024,22:00,Aus bus\n",
        [
            span(
                "/x/y/a.wav",
                10.0,
                15.0,
                "Aus bus",
                begin_time="2024-06-01T22:00:05.000",
                end_time="2024-06-01T22:00:10.000",
                time_source="kaleidoscope",
            ),
            span(
                "/x/y/b.wav",
                0.0,
                5.0,
                "Aus bus",
                begin_time="2024-06-13T22:00:00.000",
                end_time="2024-06-13T22:00:05.000",
                time_source="kaleidoscope",
            ),
        ],
    ),
    "Kaleidoscope's bats: kHz, and what is no name": (
        "kaleidoscope",
        "id.csv",
        "INDIR,FOLDER,IN FILE,CHANNEL,OFFSET,DURATION,AUTO ID*,PULSES,Fmax,Fmin,Fmean,MANUAL ID\n"
        "/x,,a.wav,0,0,5,PIPPIP,9,57.25,44.5,48.1,\n"
        "/x,,b.wav,0,0,5,NoID,2,57.25,44.5,48.1,\n"
        "/x,,c.wav,0,0,5,Noise,0,,,,\n"
        "/x,,d.wav,0,0,5,PIPPIP,9,,,,NOID\n",
        [
            span("/x/a.wav", 0.0, 5.0, "PIPPIP", channel=1, low_hz=44500.0, high_hz=57250.0),
            span("/x/b.wav", 0.0, 5.0, channel=1, low_hz=44500.0, high_hz=57250.0),
            span("/x/c.wav", 0.0, 5.0, "no bird", channel=1),
            span("/x/d.wav", 0.0, 5.0, channel=1),
        ],
    ),
    "Kaleidoscope's clusters of low voices: Hz": (
        "kaleidoscope",
        "cluster.csv",
        "INDIR,FOLDER,IN FILE,OFFSET,DURATION,Fmin,Fmax,TOP1MATCH*\n/x,,a.wav,0,5,50,90,Bittern\n",
        [span("/x/a.wav", 0.0, 5.0, "Bittern", low_hz=50.0, high_hz=90.0)],
    ),
    "A spreadsheet quotes the cells between tabs": (
        "raven",
        "a.selections.txt",
        '"Selection"→"Begin Time (s)"→"End Time (s)"→"Species"→"Begin File"\n'
        '1→1.5→2.5→"House ""Finch"""→"a.wav"\n2→3→4→"a" and "b"→a.wav\n',
        [span("a.wav", 1.5, 2.5, 'House "Finch"'), span("a.wav", 3.0, 4.0, '"a" and "b"')],
    ),
    "Audacity's labels, quoted by R": (
        "audacity",
        "a.txt",
        '0.5→1.5→"House Finch"\n',
        [span("a", 0.5, 1.5, "House Finch")],
    ),
    "A label drawn from before the recording": (
        "audacity",
        "a.txt",
        "-0.010→1.5→Wren\n-3.0→1.5→Wren\n",
        [span("a", 0.0, 1.5, "Wren"), span("a", -3.0, 1.5, "Wren")],
    ),
    "BirdNET's Kaleidoscope table": (
        "kaleidoscope",
        "a.BirdNET.results.kaleidoscope.csv",
        "INDIR,FOLDER,IN FILE,OFFSET,DURATION,scientific_name,common_name,confidence,lat,lon,week\n"
        "/data,night,a.wav,3.0,3.0,Aus bus,Ay,0.8700,-1.0000,-1.0000,-1\n",
        [span("/data/night/a.wav", 3.0, 6.0, "Aus bus", common_name="Ay", score=0.87)],
    ),
    "BirdNET's CSV with more columns": (
        "birdnet",
        "a.BirdNET.results.csv",
        "Start (s),End (s),Scientific name,Common name,Confidence,File,lat,lon,week\n"
        "0.0,3.0,Aus bus,Ay,0.8700,/data/a.wav,18.5,-66.25,-1\n",
        [
            span(
                "/data/a.wav",
                0.0,
                3.0,
                "Aus bus",
                common_name="Ay",
                score=0.87,
                latitude=18.5,
                longitude=-66.25,
            )
        ],
    ),
    "BirdNET's CSV; 1 degree west is a place, -1 twice is none": (
        "birdnet",
        "a.BirdNET.results.csv",
        "Start (s),End (s),Scientific name,Common name,Confidence,File,lat,lon,week\n"
        "0.0,3.0,Aus bus,,0.8700,/data/a.wav,51.5,-1,-1\n3.0,6.0,Aus bus,,0.8700,/data/a.wav,-1,-1,-1\n",
        [
            span("/data/a.wav", 0.0, 3.0, "Aus bus", score=0.87, latitude=51.5, longitude=-1.0),
            span("/data/a.wav", 3.0, 6.0, "Aus bus", score=0.87),
        ],
    ),
    "BirdNET's table for R": (
        "birdnet",
        "a.BirdNET.results.r.csv",
        "filepath,start,end,scientific_name,common_name,confidence,lat,lon,week\n"
        "/data/a.wav,0.0,3.0,Aus bus,Ay,0.8700,-1,-1,-1\n",
        [span("/data/a.wav", 0.0, 3.0, "Aus bus", common_name="Ay", score=0.87)],
    ),
}
"""What others write: format, file name, content, and the rows with paths within the folder of the table."""
