import numpy as np
import pytest

from train.datasets.negatives import KINDS, SIZES, TEST_SEED, negatives


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_seed_draws_the_same_pictures_and_another_one_others(kind):
    first, again = (list(negatives(kind, 4)) for _ in range(2))
    others = list(negatives(kind, 4, seed=TEST_SEED + 1))
    assert [image.tobytes() for image in first] == [image.tobytes() for image in again]
    assert len({image.tobytes() for image in [*first, *others]}) == 8
    assert all(image.mode == "RGB" and image.size in SIZES for image in first)


@pytest.mark.parametrize("kind", KINDS)
def test_a_picture_does_not_depend_on_how_many_are_drawn(kind):
    assert next(negatives(kind, 1)).tobytes() == next(negatives(kind, 9)).tobytes()


def test_plain_is_one_colour_and_everything_else_is_not():
    for kind in KINDS:
        for image in negatives(kind, 6):
            assert (np.asarray(image).std(axis=(0, 1)).max() == 0) == (kind == "plain")


def test_text_is_mostly_paper_with_ink_on_it():
    for image in negatives("text", 6):
        grey = np.asarray(image.convert("L"), np.float32)[90:]  # below the bar
        paper = np.median(grey)
        assert 0.005 < (np.abs(grey - paper) > 60).mean() < 0.4
