"""GUANO metadata: lines of ``key: value`` in a chunk ``guan`` of a WAV.

References
----------
GUANO specification 1.0, https://github.com/riggsd/guano-spec
Wildlife Acoustics' fields, https://www.wildlifeacoustics.com/SCHEMA/GUANO.html
AudioMoth-Firmware-Basic, main.c, writeGuanoData: ``OAD|Battery Voltage``, ``OAD|Deployment ID``
"""

from avianvox.audio.notes import FieldNotes, date_time, expansion, number, position

_SCALE_ENDS = {2.4: (2.5, "less than"), 5.0: (4.9, "greater than")}
"""What an AudioMoth writes for a battery beyond its scale, and what it means."""

_BLANKS = " \t\n\v\f\r\0"


def parse_guano(text: str) -> dict[str, str]:
    """Fields by their whole key, such as ``"Timestamp"`` or ``"WA|Song Meter|Prefix"``.

    Lines without a colon and fields without a value are passed over; the first of two equal keys counts.
    """
    fields: dict[str, str] = {}
    for line in text.split("\n"):
        key, colon, value = line.partition(":")
        key = "|".join(part.strip(_BLANKS) for part in key.split("|"))
        value = value.strip(_BLANKS)
        if colon and key and value:
            fields.setdefault(key, value.replace("\\n", "\n") if key == "Note" else value)
    return fields


def guano_notes(text: str) -> FieldNotes:
    """What GUANO metadata says; "" gives empty notes."""
    fields = parse_guano(text)

    def first(*keys: str) -> str:
        return next((fields[key] for key in keys if key in fields), "")

    begin = date_time(first("Timestamp"))
    place = first("Loc Position").replace(",", " ").split()
    latitude, longitude = position(*place) if len(place) == 2 else (None, None)
    battery = number(first("OAD|Battery Voltage"))
    battery_v, bound = (battery, "") if battery is None else _SCALE_ENDS.get(battery, (battery, ""))
    return FieldNotes(
        begin=begin,
        time_source="guano" if begin else "",
        latitude=latitude,
        longitude=longitude,
        elevation_m=number(first("Loc Elevation")),
        site=first("NABat|Site Name", "WA|Song Meter|Prefix", "Serial"),
        recorder=first("Serial", "WA|Song Meter|Prefix"),
        make=first("Make"),
        model=first("Model"),
        firmware=first("Firmware Version"),
        deployment=first("OAD|Deployment ID"),
        temperature_c=number(first("Temperature Ext", "Temperature Int")),
        battery_v=battery_v,
        battery_bound=bound,
        time_expansion=expansion(number(first("TE"))),
        note=first("Note"),
    )
