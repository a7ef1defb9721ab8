import numpy as np
import pytest

from tests.train.made_spots import ellipse
from train.datasets.scenes import OutlinedFrame, outlined_frames, part_of_frame, placed, whole_frame

SKIN, LESION = (200, 160, 140), (90, 50, 30)


def frame(box: tuple[int, int, int, int] = (150, 100, 250, 170)) -> OutlinedFrame:
    outline = ellipse(400, 300, box)
    pixels = np.where(outline[..., None], np.uint8(LESION), np.uint8(SKIN))
    return OutlinedFrame(pixels, outline, np.full_like(pixels, SKIN))


def test_the_lesion_is_painted_over_with_its_own_skin(spots):
    found = list(outlined_frames(*spots))
    assert len(found) == 5
    for each in found:
        assert min(each.outline.shape) == 300
        assert each.skin is not None
        assert each.pixels[each.outline].mean() < 30 and each.skin[each.outline].mean() > 220


@pytest.mark.parametrize("side", [0.1, 0.25, 0.4])
@pytest.mark.parametrize("seed", [0, 1])
def test_a_lesion_among_more_skin_has_the_size_and_the_place_that_are_said(side, seed):
    scene = placed(frame(), [frame()], 192, [side], np.random.default_rng(seed))
    rows, columns = np.nonzero(scene.lesion > 0.5)
    # A turned ellipse is at most as long as its longer axis.
    assert 0.6 * side * 192 <= max(np.ptp(rows), np.ptp(columns)) + 1 <= side * 192 + 3
    dark = np.abs(scene.view.astype(int) - LESION).max(axis=2) < 40
    assert (dark & (scene.lesion > 0.9)).sum() >= 0.9 * (scene.lesion > 0.9).sum()
    light = np.abs(scene.view.astype(int) - SKIN).max(axis=2) < 25
    far = scene.lesion == 0
    assert (light & far).sum() > 0.9 * far.sum()


def test_lesions_side_by_side_keep_apart():
    scene = placed(frame(), [frame()] * 3, 192, [0.2, 0.25, 0.2], np.random.default_rng(3))
    from scipy.ndimage import label

    assert label(scene.lesion > 0.3)[1] == 3


def test_more_lesions_than_fit_make_no_scene():
    assert placed(frame(), [frame()] * 4, 64, [0.7] * 4, np.random.default_rng(0)) is None


def test_skin_alone_has_no_lesion():
    scene = placed(frame(), [], 96, [], np.random.default_rng(0))
    assert not scene.lesion.any()
    assert np.abs(scene.view.astype(int) - SKIN).max() <= 2


def test_a_whole_frame_is_squashed_and_a_part_is_a_square_of_it():
    whole = whole_frame(frame(), 192)
    assert whole.view.shape == (192, 192, 3)
    assert whole.lesion.mean() == pytest.approx(frame().outline.mean(), abs=0.002)
    part = part_of_frame(frame(), 192, np.random.default_rng(0))
    assert part.view.shape == (192, 192, 3) and part.lesion.any()
