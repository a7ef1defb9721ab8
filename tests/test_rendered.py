"""The stand-in for patients' photos: the tests that use it may rely on these."""

import numpy as np
import pytest

from tests.rendered import SKIN_TONES, render_lesion, render_lesion_jpeg


def test_the_same_seed_renders_the_same_photo() -> None:
    assert render_lesion_jpeg(7, 120, 90) == render_lesion_jpeg(7, 120, 90)


def test_another_seed_renders_another_photo() -> None:
    difference = np.asarray(render_lesion(7, 120, 90), float) - np.asarray(render_lesion(8, 120, 90), float)
    assert abs(difference).mean() > 5


@pytest.mark.parametrize("skin_tone", SKIN_TONES)
@pytest.mark.parametrize("kind", ["dermoscopy", "phone"])
def test_a_darker_spot_lies_in_the_middle_of_the_skin(skin_tone: str, kind: str) -> None:
    pixels = np.asarray(render_lesion(3, 300, 225, skin_tone=skin_tone, kind=kind).convert("L"), float)  # type: ignore[arg-type]
    middle, edge = pixels[95:130, 130:170], np.concatenate([pixels[:20].ravel(), pixels[-20:].ravel()])
    assert middle.mean() < 0.8 * edge.mean()
