"""Several photos in one request: the next is read while the network looks at the last."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from typing import TypeVar

T = TypeVar("T")


def one_ahead(reads: Sequence[Callable[[], T]]) -> Iterator[Future[T]]:
    """Yields what each of the functions returned or raised, in their order.

    The following one runs while the caller works with what it got: never are more than two photos in memory.
    """

    def begin(read: Callable[[], T]) -> Future[T]:
        # With the request, in whose line of the log the photo is noted.
        return reader.submit(copy_context().run, read)

    with ThreadPoolExecutor(1) as reader:
        begun = map(begin, reads)  # each when it is asked for
        ahead = next(begun, None)
        while (done := ahead) is not None:
            done.exception()  # waits; whoever asks for the result has it raised
            ahead = next(begun, None)
            yield done
