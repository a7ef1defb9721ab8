"""Which files of a folder are photos: decided by what is in them, whatever they are called."""

import os
import stat
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Final

SUFFIXES: Final = frozenset(
    {".jpg", ".jpeg", ".jpe", ".jfif", ".jif", ".png", ".webp", ".heic", ".heif", ".hif", ".avif"}
)
"""A file called so is taken for a photo even where its content is none: it was meant as one, and the error
that comes of it is worth knowing."""

SYSTEM_FILES: Final = frozenset(
    {".ds_store", "thumbs.db", "ehthumbs.db", "desktop.ini", ".nomedia", ".localized"}
)
SYSTEM_FOLDERS: Final = frozenset({"__macosx", "@eadir", ".thumbnails", ".trashes", "$recycle.bin"})
"""Which systems put beside photos by themselves, and nobody means."""

CANNOT_BE_OPENED: Final = "cannot be opened"
"""How a reason begins for which photos may have been passed over."""

Skip = Callable[[Path, str], None]
"""Is told of each file or folder that is left out, and why."""

_HEAD: Final = 512  # bytes; the list of what a HEIC is compatible with stands in the first 100
_BRANDS: Final = frozenset(
    {
        b"heic",
        b"heix",
        b"heim",
        b"heis",
        b"hevc",
        b"hevx",
        b"hevm",
        b"hevs",
        b"mif1",
        b"msf1",
        b"avif",
        b"avis",
    }
)


def find_photos(paths: Iterable[Path], skip: Skip = lambda path, reason: None) -> Iterator[Path]:
    """Yields the files among the paths whatever they are, and from folders all photos in sorted order.

    Args:
        paths: Files and folders; the subfolders of these count.
        skip: Called for what is left out of the folders, but not for what systems put there.
    """
    for path in paths:
        if os.path.isdir(path):  # Path.is_dir() raises for a name that is too long, or where nobody may look
            yield from _photos_in(path, skip)
        else:
            yield path


def _photos_in(folder: Path, skip: Skip) -> Iterator[Path]:
    try:
        children = sorted(folder.iterdir())
    except OSError as error:
        return skip(folder, f"{CANNOT_BE_OPENED}: {error.strerror}")
    if all(map(is_system_file, children)):  # a card that is not there leaves its folder
        skip(folder, "an empty folder")
    for child in children:
        if is_system_file(child):
            continue
        if (closed := _closed(child)) and child.suffix.lower() not in SUFFIXES:
            skip(child, f"{CANNOT_BE_OPENED}: {closed}")
            continue
        if os.path.isdir(child):
            if child.is_symlink():  # it may lead back to where we are
                skip(child, "a link to a folder")
            else:
                yield from _photos_in(child, skip)
        elif is_photo(child):
            yield child
        else:
            skip(child, "not a photo")


def _closed(path: Path) -> str:
    """Says why nobody may even look what a path is, as in a folder that may only be listed; mostly empty."""
    try:
        path.stat()
    except PermissionError as error:
        return error.strerror or "no permission"
    except OSError:  # a link to nothing, for example
        pass
    return ""


def is_system_file(path: Path) -> bool:
    """Whether a system puts a file or folder of this name beside photos, as a Mac does ``._spot.jpg``."""
    name = path.name.lower()
    return name.startswith("._") or name in SYSTEM_FILES or name in SYSTEM_FOLDERS


def is_photo(path: Path) -> bool:
    """Whether a file is a photo by its first bytes, or is called like one."""
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            return False  # reading from a pipe would wait for whoever writes to it
        if path.suffix.lower() in SUFFIXES:
            return True
        with path.open("rb") as stream:
            return has_photo_signature(stream.read(_HEAD))
    except OSError:  # cannot be opened, or a link to nothing
        return path.suffix.lower() in SUFFIXES


def has_photo_signature(head: bytes) -> bool:
    """Whether a file that begins so is a JPEG, PNG, WebP, HEIC or AVIF."""
    if head.startswith((b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n")):
        return True
    if head[:4] == b"RIFF":
        return head[8:12] == b"WEBP"
    if head[4:8] != b"ftyp":
        return False
    end = min(int.from_bytes(head[:4], "big"), len(head))
    return any(head[start : start + 4] in _BRANDS for start in (8, *range(16, end, 4)))
