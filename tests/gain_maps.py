"""HEIC and AVIF of several pictures, one of which says where another is brighter on an HDR screen."""

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from PIL import Image

from tests.containers import box, boxes, nclx
from tests.rendered import to_bytes
from webapp.photo.iso import Meta

AUX_TYPE: Final = "urn:com:apple:photo:2020:aux:hdrgainmap"
PQ: Final = 16  # a transfer (ITU-T H.273)


@dataclass(frozen=True)
class Item:
    """One picture of a file: four letters of its kind, its data, and its properties (whole boxes)."""

    kind: bytes
    data: bytes
    properties: tuple[bytes, ...] = ()
    hidden: bool = False


def coded(data: bytes, *further: bytes, hidden: bool = False) -> Item:
    """The picture of a HEIC or AVIF as Pillow writes it, of one item, with further properties."""
    meta = Meta.of(data)
    own = meta.properties(meta.primary)
    kept = [box(name, content) for name, contents in own.items() for content in contents]
    (pixels,) = [data[begin:end] for name, _, begin, end in boxes(data, 0, len(data)) if name == b"mdat"]
    return Item(b"hvc1" if b"hvcC" in own else b"av01", pixels, (*kept, *further), hidden)


def file(
    brands: Sequence[bytes],
    items: Sequence[Item],
    primary: int,
    references: Sequence[tuple[bytes, int, Sequence[int]]] = (),
    alternatives: Sequence[int] = (),
) -> bytes:
    """Puts items, numbered from 1, into a file (ISO/IEC 23008-12).

    Args:
        brands: What it calls itself, the first one first.
        items: As they are stored.
        primary: Number of the picture that it is.
        references: Kind, and from which to which.
        alternatives: Pictures that stand for the same, the preferred one first.
    """
    known = list(dict.fromkeys(each for item in items for each in item.properties))
    associations = b""
    for number, item in enumerate(items, 1):
        numbers = [known.index(each) + 1 for each in item.properties]
        associations += struct.pack(">HB", number, len(numbers)) + bytes(numbers)
    iprp = box(b"ipco", b"".join(known)) + full_box(b"ipma", struct.pack(">I", len(items)) + associations)
    infos = b"".join(
        full_box(b"infe", struct.pack(">HH4sx", number, 0, item.kind), 2, int(item.hidden))
        for number, item in enumerate(items, 1)
    )
    referring = b"".join(
        box(kind, struct.pack(f">HH{len(to)}H", origin, len(to), *to)) for kind, origin, to in references
    )
    group = full_box(b"altr", struct.pack(f">II{len(alternatives)}I", 100, len(alternatives), *alternatives))
    ftyp = box(b"ftyp", brands[0] + bytes(4) + b"".join(brands))

    def meta(begin: int) -> bytes:
        places = b""
        for number, item in enumerate(items, 1):
            places += struct.pack(">HHHII", number, 0, 1, begin, len(item.data))
            begin += len(item.data)
        parts = [
            full_box(b"hdlr", bytes(4) + b"pict" + bytes(13)),
            full_box(b"pitm", struct.pack(">H", primary)),
            full_box(b"iloc", b"\x44\0" + struct.pack(">H", len(items)) + places),
            full_box(b"iinf", struct.pack(">H", len(items)) + infos),
            full_box(b"iref", referring) if references else b"",
            box(b"iprp", iprp),
            box(b"grpl", group) if alternatives else b"",
        ]
        return full_box(b"meta", b"".join(parts))

    begin = len(ftyp) + len(meta(0)) + 8
    return ftyp + meta(begin) + box(b"mdat", b"".join(item.data for item in items))


def full_box(name: bytes, content: bytes, version: int = 0, flags: int = 0) -> bytes:
    return box(name, bytes([version]) + flags.to_bytes(3) + content)


def gains(size: tuple[int, int]) -> Image.Image:
    """Where it is brighter: ever more from the top down."""
    return Image.linear_gradient("L").resize((size[0] // 4, size[1] // 4))


def metadata() -> bytes:
    """What the values of a gain map mean (ISO 21496-1): from black to white, 0 to 3 stops, where a screen can
    show 3 more than paper."""

    def fraction(value: float) -> bytes:
        return struct.pack(">iI", round(value * 1000), 1000)

    one_channel = b"".join(fraction(value) for value in (0.0, 3.0, 1.0, 1 / 64, 1 / 64))
    return struct.pack(">BHHB", 0, 0, 0, 0x40) + fraction(0.0) + fraction(3.0) + one_channel


def tone_mapped(
    image: Image.Image, file_format: str, *, is_preferred: bool = True, **options: object
) -> bytes:
    """A HEIC or AVIF with a derived picture (``tmap``) that is brighter than its base, as new cameras write.

    Args:
        image: The base, of ordinary brightness.
        file_format: ``"HEIF"`` or ``"AVIF"``.
        is_preferred: Whether it says that the derived picture is to be shown where that is possible.
        options: To encode the base.
    """
    base = coded(to_bytes(image, file_format, **options))
    gain_map = coded(to_bytes(gains(image.size), file_format), hidden=True)
    (size,) = [each for each in base.properties if each[4:8] == b"ispe"]
    deep = full_box(b"pixi", b"\3\x0a\x0a\x0a")
    derived = Item(b"tmap", metadata(), (size, deep, nclx(9, PQ, 0)))
    name = {"HEIF": b"heic", "AVIF": b"avif"}[file_format]
    return file(
        [name, b"mif1", b"tmap"],
        [base, gain_map, derived],
        1,
        [(b"dimg", 3, [1, 2])],
        [3, 1] if is_preferred else [],
    )


def with_apples(image: Image.Image, **options: object) -> bytes:
    """A HEIC as iPhones have written since 2020: the gain map is an auxiliary picture."""
    base = coded(to_bytes(image, "HEIF", **options))
    kind = full_box(b"auxC", AUX_TYPE.encode() + b"\0")
    gain_map = coded(to_bytes(gains(image.size), "HEIF"), kind, hidden=True)
    return file([b"heic", b"mif1"], [base, gain_map], 1, [(b"auxl", 2, [1])])
