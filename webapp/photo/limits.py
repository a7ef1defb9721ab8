"""Limits that must be known without opening an image: gunicorn's master reads them, and only them."""

from typing import Final

MAX_PIXELS: Final = 64_000_000  # the largest phone photos in use are 50 megapixels
