import numpy as np
import pytest

from webapp.answer.spots import beside, spots_of, sureness


def lesion_map(*places: tuple[slice, slice, float]) -> np.ndarray:
    made = np.full((24, 24), 0.1, np.float32)
    for rows, columns, chance in places:
        made[rows, columns] = chance
    return made


def test_where_nothing_is_likely_there_is_no_spot() -> None:
    assert spots_of(lesion_map()) == ()


def test_parts_that_do_not_touch_are_spots_the_heaviest_first() -> None:
    spots = (
        (slice(2, 4), slice(3, 6), 0.99),
        (slice(10, 16), slice(12, 20), 0.9),
        (slice(20, 23), slice(2, 4), 0.6),
    )
    first, second, third = spots_of(lesion_map(*spots))
    assert first.box == pytest.approx((12 / 24, 10 / 24, 20 / 24, 16 / 24))
    assert first.area == pytest.approx(48 / 576)
    assert first.weight == pytest.approx(48 * 0.9)
    assert [second.places.sum(), third.places.sum()] == [6, 6]
    assert second.weight > third.weight
    assert not (first.places & second.places).any()


def test_what_is_hardly_apart_is_one_spot() -> None:
    one, other = (slice(8, 12), slice(4, 8), 0.9), (slice(8, 12), slice(9, 13), 0.9)
    (spot,) = spots_of(lesion_map(one, other))
    assert spot.places.sum() == 32 and spot.box == pytest.approx((4 / 24, 8 / 24, 13 / 24, 12 / 24))
    assert len(spots_of(lesion_map(one, (slice(8, 12), slice(10, 14), 0.9)))) == 2


def test_a_spot_may_be_bent_and_the_whole_square_may_be_one() -> None:
    (ring,) = spots_of(lesion_map((slice(4, 20), slice(4, 20), 0.8), (slice(8, 16), slice(8, 16), 0.2)))
    assert ring.places.sum() == 256 - 64
    (everything,) = spots_of(np.ones((24, 24), np.float32))
    assert everything.area == 1 and everything.box == (0, 0, 1, 1)


def test_what_lies_beside_the_main_spot_counts_by_its_share() -> None:
    one, other = (slice(2, 6), slice(2, 6), 0.99), (slice(12, 16), slice(12, 16), 0.99)
    assert beside(lesion_map()) == 0
    assert beside(lesion_map(one)) == 0
    assert beside(lesion_map(one, other)) == pytest.approx(0.5)
    third = (slice(12, 16), slice(2, 6), 0.99)
    assert beside(lesion_map(one, other, third)) == pytest.approx(1)
    fourth = (slice(20, 22), slice(8, 10), 0.99)
    assert beside(lesion_map(one, other, third, fourth)) > 1
    doubtful, tiny = (slice(12, 16), slice(2, 6), 0.9), (slice(20, 21), slice(20, 21), 0.99)
    assert beside(lesion_map(one, doubtful, tiny)) == 0


def test_what_the_edge_cuts_off_is_no_further_spot() -> None:
    one, sticker = (slice(8, 14), slice(8, 14), 0.99), (slice(4, 16), slice(19, 24), 0.99)
    assert beside(lesion_map(one, sticker)) > 0, "the larger one is the main spot, cut off or not"
    small = (slice(0, 4), slice(10, 13), 0.99)
    assert beside(lesion_map(one, small)) == 0
    assert beside(lesion_map(one, (slice(1, 5), slice(10, 13), 0.99))) > 0


def test_the_surest_place_counts() -> None:
    one = (slice(2, 6), slice(2, 6), 0.99)
    assert sureness(lesion_map()) == pytest.approx(0.1) and sureness(lesion_map(one)) == pytest.approx(0.99)


@pytest.mark.parametrize("height", [24, 5, 1])
def test_the_end_of_one_row_does_not_touch_the_begin_of_the_next(height: int) -> None:
    for width in (24, 23, 16, 9):
        made = np.full((height, width), 0.1, np.float32)
        made[: height - 1, -2:] = made[-1:, :2] = 0.9
        spots = spots_of(made)
        assert sum(int(spot.places.sum()) for spot in spots) == 2 * height
        assert len(spots) == (2 if height > 1 else 1)


def test_a_spot_is_what_can_be_reached_from_its_highest_place_in_steps() -> None:
    """The same parts as where each place in turn looks for others within reach."""
    random = np.random.default_rng(5)
    for _ in range(40):
        made = random.random((12, 17)).astype(np.float32) ** 2
        left = {(int(row), int(column)) for row, column in np.argwhere(made >= 0.5)}
        for spot in sorted(spots_of(made), key=lambda spot: -made[spot.places].max()):
            part, todo = set(), [max(left, key=lambda place: made[place])]
            while todo:
                row, column = todo.pop()
                if (row, column) in left - part:
                    part.add((row, column))
                    todo += [other for other in left if max(abs(other[0] - row), abs(other[1] - column)) <= 1]
            assert {tuple(map(int, place)) for place in np.argwhere(spot.places)} == part
            left -= part
        assert not left
