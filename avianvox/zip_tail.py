"""A zip of stored entries behind other bytes, the same bytes for the same content. Nothing is compressed."""

import struct
import zlib
from collections.abc import Mapping

_LOCAL = struct.Struct("<4s5H3I2H")  # local file header, before name and data
_CENTRAL = struct.Struct("<4s6H3I5H2I")  # entry of the central directory, before the name
END = struct.Struct("<4s4H2IH")  # end of the central directory
_ZIP_VERSION, _UNIX, _FILE_MODE, _DATE = 20, 3 << 8, 0o100644 << 16, (0, 0x21)  # 1980-01-01 00:00


def pack_zip(entries: Mapping[str, bytes | memoryview], *, offset: int) -> bytes:
    """A zip of stored entries that begins ``offset`` bytes into its file (PKWARE APPNOTE 6.3, 4.3)."""
    body = directory = b""
    for name, data in entries.items():
        fields = (*_DATE, zlib.crc32(data), len(data), len(data), len(name))
        directory += _CENTRAL.pack(
            b"PK\1\2",
            _UNIX | _ZIP_VERSION,
            _ZIP_VERSION,
            0,
            0,
            *fields,
            0,
            0,
            0,
            0,
            _FILE_MODE,
            offset + len(body),
        )
        directory += name.encode()
        body += b"".join((_LOCAL.pack(b"PK\3\4", _ZIP_VERSION, 0, 0, *fields, 0), name.encode(), data))
    end = END.pack(b"PK\5\6", 0, 0, len(entries), len(entries), len(directory), offset + len(body), 0)
    return body + directory + end


def unpack_zip(content: bytes | memoryview) -> tuple[dict[str, bytes | memoryview], int]:
    """Entries of an appended zip, and where it begins; no entries when there is no zip we could have made."""
    entries: dict[str, bytes | memoryview] = {}
    begin = len(content)
    if content[-END.size :][:4] != b"PK\5\6":
        return entries, begin
    *_, count, _, position, _ = END.unpack(content[-END.size :])
    for _ in range(count):
        if content[position : position + 4] != b"PK\1\2" or position + _CENTRAL.size > len(content):
            break
        row = _CENTRAL.unpack_from(content, position)
        size, name_length, local = row[8], row[10], row[16]
        name = bytes(content[position + _CENTRAL.size :][:name_length]).decode(errors="replace")
        data = local + _LOCAL.size + name_length
        entries[name] = content[data : data + size]
        begin = min(begin, local)
        position += _CENTRAL.size + name_length
    return entries, begin
