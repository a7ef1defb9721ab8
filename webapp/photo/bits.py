"""Numbers of so many bits, of which the heads of HEVC and AV1 consist."""

from typing import Final

_LONGEST: Final = 32


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

    def number(self) -> int:
        """Returns a number that says itself how long it is (Exp-Golomb, ITU-T H.265, 9.2).

        Raises:
            ValueError: Longer than any may be.
        """
        zeros = 0
        while not self.read(1):
            zeros += 1
            if zeros > _LONGEST:
                raise ValueError("no number")
        return (1 << zeros) - 1 + self.read(zeros)
