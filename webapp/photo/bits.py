"""Numbers of so many bits, of which the heads of AV1 consist."""


class Bits:
    """Reads them one after the other, the highest bit of each byte first.

    May raise ``IndexError`` at the end.
    """

    def __init__(self, data: bytes, position: int = 0) -> None:
        self._data = data
        self.position = position
        """In bits."""

    def read(self, count: int) -> int:
        """Returns a number of so many bits."""
        value = 0
        for _ in range(count):
            value = value << 1 | self._data[self.position >> 3] >> (7 - (self.position & 7)) & 1
            self.position += 1
        return value
