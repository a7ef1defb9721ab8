"""Random views of a frame: their shape, their randomness, and what they may never do to a lesion."""

import cv2
import numpy as np
import pytest

from train.datasets.augment import ASPECT, random_view

SIDE = 224


def squashed_disc(aspect):
    """A white disc in the middle of a black frame of a true aspect, squashed to a square."""
    frame = np.zeros((SIDE, SIDE, 3), np.uint8)
    radius = 0.12 * min(aspect, 1)
    axes = (round(radius / aspect * SIDE), round(radius * SIDE))
    return cv2.ellipse(frame, (SIDE // 2, SIDE // 2), axes, 0, 0, 360, (255, 255, 255), -1, cv2.LINE_AA)


def elongation(view):
    """Longest over shortest axis of the bright spot; None if it is cut off or not in view."""
    grey = view.mean(axis=2)
    spot = grey > (grey.max() + grey.min()) / 2
    border = np.concatenate([spot[0], spot[-1], spot[:, 0], spot[:, -1]])
    if np.ptp(grey) < 60 or border.any():
        return None
    variances = np.linalg.eigvalsh(np.cov(np.argwhere(spot).T))
    return float(np.sqrt(variances[1] / variances[0]))


@pytest.mark.parametrize("size", [96, 128, 192])
def test_a_view_is_an_rgb_square_of_the_size_asked_for(size):
    frame = np.random.default_rng(0).integers(0, 256, (SIDE, SIDE, 3), np.uint8)

    view = random_view(frame, 4 / 3, size, np.random.default_rng(1))

    assert view.shape == (size, size, 3)
    assert view.dtype == np.uint8


def test_the_same_random_state_gives_the_same_view_and_another_another():
    frame = np.random.default_rng(0).integers(0, 256, (SIDE, SIDE, 3), np.uint8)
    original = frame.copy()

    views = [random_view(frame, 4 / 3, 96, np.random.default_rng(seed)) for seed in (7, 7, 8)]

    np.testing.assert_array_equal(views[0], views[1])
    assert (views[0] != views[2]).mean() > 0.5
    np.testing.assert_array_equal(frame, original, "the frame itself is not touched")


@pytest.mark.parametrize("aspect", [4 / 3, 1.0, 3 / 4])
def test_a_disc_is_never_stretched_beyond_the_permitted_aspect(aspect):
    frame = squashed_disc(aspect)
    views = [random_view(frame, aspect, 128, np.random.default_rng(seed)) for seed in range(300)]

    measured = np.array([found for found in map(elongation, views) if found is not None])

    assert len(measured) > 200, "the disc lies in the middle: most views show all of it"
    permitted = max(ASPECT[1], 1 / ASPECT[0])
    assert measured.max() < permitted * 1.05
    assert np.median(measured) < 1.2, "and mostly it is nearly round"
    assert np.quantile(measured, 0.9) > 1.1, "though some stretching is wanted"


def test_a_white_frame_has_no_black_border_in_any_view():
    frame = np.full((SIDE, SIDE, 3), 255, np.uint8)

    bright = []
    for seed in range(200):
        view = random_view(frame, 4 / 3, 96, np.random.default_rng(seed))
        view = cv2.GaussianBlur(view, (0, 0), 2).astype(
            int
        )  # less noise and hairs, which may be drawn over it
        assert view[40:56, 40:56].mean() > 90, f"seed {seed}: the middle is never hidden"
        bright.append(np.quantile(view.min(axis=2), 0.01) > 90)
    assert 0.75 < np.mean(bright) < 0.99, "only a round field or a dark lens darkens edges, and not often"


def test_some_views_are_seen_by_another_camera():
    frame = np.random.default_rng(0).integers(90, 110, (SIDE, SIDE, 3), np.uint8)
    frame[..., 0] += 60
    colours = np.array(
        [random_view(frame, 4 / 3, 64, np.random.default_rng(seed)).mean(axis=(0, 1)) for seed in range(300)]
    )

    redness = colours[:, 0] / colours[:, 1]
    assert np.quantile(redness, 0.1) < 1.45 < 1.6 < np.quantile(redness, 0.9), "of 1.6, gently or far off"
    assert (redness > 1).mean() > 0.99, "but skin stays reddish"


def test_views_are_turned_and_mirrored():
    frame = np.zeros((SIDE, SIDE, 3), np.uint8)
    frame[62:94, 62:94] = (255, 0, 0)  # up and left of the centre,
    frame[62:94, 130:162] = (0, 0, 255)  # up and right: seen from the centre, blue follows red clockwise

    turns = set()
    for seed in range(100):
        view = random_view(frame, 1.0, 64, np.random.default_rng(seed)).astype(np.float32)
        difference = cv2.GaussianBlur(view[..., 0] - view[..., 2], (0, 0), 3)
        red, blue = (divmod(int(i), 64) for i in (difference.argmax(), difference.argmin()))
        angles = [np.arctan2(y - 32, x - 32) for y, x in (red, blue)]
        clockwise = (angles[1] - angles[0]) % (2 * np.pi) < np.pi
        turns.add((red[0] > 32, red[1] > 32, clockwise))

    assert len(turns) == 8, "red in each corner, either way round"
