"""A look at how a file is put together, before a decoder spends its time on it.

The limit on pixels says nothing about these: Pillow reads the segments of a JPEG and the chunks of a
PNG one by one in Python, so that 15 MB of empty ones take it 5 to 40 seconds, and every scan of a
progressive JPEG goes over the whole picture again.
"""

import re
from typing import Final

JPEG_SEGMENTS: Final = 1_000  # a phone's photo has 20; a depth map in XMP adds 200
JPEG_SCANS: Final = 64  # progressive photos have about 10
PNG_CHUNKS: Final = 20_000  # 15 MB in libpng's pieces of 8 kB are 1,900

_PNG_SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
_NEXT_MARKER: Final = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")  # in scan data, FF 00 and FF D0–D7 are none


def is_hostile(data: bytes) -> bool:
    """Whether a file has so many parts that it was made to keep a decoder busy."""
    if data.startswith(b"\xff\xd8"):
        return _is_hostile_jpeg(data)
    if data.startswith(_PNG_SIGNATURE):
        return _is_hostile_png(data)
    return False


def _is_hostile_jpeg(data: bytes) -> bool:
    position, scans = 2, 0
    for _ in range(JPEG_SEGMENTS):
        if scans:
            found = _NEXT_MARKER.search(data, position)
            if found is None:
                return False
            position = found.start()
        marker = data[position : position + 2]
        if len(marker) < 2 or marker == b"\xff\xd9":
            return False
        if marker[0] != 0xFF or marker[1] in (0x00, 0x01, *range(0xD0, 0xD9), 0xFF):
            position += 1  # fill bytes and stray ones: decoders go over them one at a time, too
            continue
        scans += marker[1] == 0xDA
        if scans > JPEG_SCANS:
            return True
        position += 2 + max(2, int.from_bytes(data[position + 2 : position + 4]))
    return True


def _is_hostile_png(data: bytes) -> bool:
    position = len(_PNG_SIGNATURE)
    for _ in range(PNG_CHUNKS):
        if position >= len(data) or data[position + 4 : position + 8] == b"IEND":
            return False
        position += 12 + int.from_bytes(data[position : position + 4])
    return True
