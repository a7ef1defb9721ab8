"""The limits of how many spots a photo may show: lesions are hardly refused, made photos are told apart."""

import numpy as np

from train.steps.fit_spot_limits import REFUSED, made_photos_refused, with_spot_limits
from webapp.answer.spots import beside, sureness
from webapp.model.contract import Gate


def maps(count: int, seed: int) -> np.ndarray:
    """Maps with a main spot, sometimes a little beside it, of a chance that differs."""
    rng = np.random.default_rng(seed)
    found = np.full((count, 24, 24), 0.02, np.float32)
    for each in found:
        each[8:14, 8:14] = rng.uniform(0.6, 1)
        if rng.random() < 0.1:
            each[20, 2 : 2 + rng.integers(1, 8)] = 0.99
    return found


def test_hardly_a_lesion_of_any_collection_is_refused():
    home, elsewhere = maps(1000, 0), maps(300, 1)
    gate = with_spot_limits(Gate(unfamiliarity=1.0, glare=0.15), [home, elsewhere])
    assert (gate.unfamiliarity, gate.glare) == (1.0, 0.15)
    for collection in (home, elsewhere):
        refused = [beside(each) > gate.beside or sureness(each) < gate.sureness for each in collection]
        assert np.mean(refused) <= 2 * REFUSED
    assert 0 < gate.beside < 0.5


def test_made_photos_of_several_spots_are_refused_and_of_one_are_not(spots):
    def network(pixels: np.ndarray) -> dict[str, np.ndarray]:
        dark = (pixels[:, ::4, ::4].mean(axis=3) < 128).astype(np.float32)
        return {"lesion_map": dark[..., None], "unfamiliarity": np.zeros((len(pixels), 1), np.float32)}

    figures = made_photos_refused(network, *spots, 96, Gate(unfamiliarity=1.0, beside=0.2, sureness=0.5))
    assert figures["val_made_single_refused"] == 0
    assert figures["val_made_no_spot_refused_by_map"] == 1
    assert figures["val_made_several_refused_by_map"] >= 0.8
    assert figures["val_made_several_refused"] == figures["val_made_several_refused_by_map"]
