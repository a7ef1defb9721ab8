import threading
from functools import partial

import pytest

from webapp.answer.ahead import one_ahead


def test_the_next_one_is_read_while_the_last_one_is_looked_at_and_no_more() -> None:
    begun = [threading.Event() for _ in range(4)]

    def read(number: int) -> int:
        begun[number].set()
        return number

    for number, done in enumerate(one_ahead([partial(read, number) for number in range(4)])):
        assert done.result() == number
        if number + 1 < len(begun):
            assert begun[number + 1].wait(20), "it is read although nobody has asked for it yet"
        assert not any(event.is_set() for event in begun[number + 2 :])


def test_one_that_cannot_be_read_does_not_spoil_the_others() -> None:
    def read(number: int) -> int:
        return 6 // number

    first, broken, last = one_ahead([partial(read, number) for number in (2, 0, 3)])
    assert (first.result(), last.result()) == (3, 2)
    with pytest.raises(ZeroDivisionError):
        broken.result()


def test_of_nothing_comes_nothing() -> None:
    assert list(one_ahead([])) == []
