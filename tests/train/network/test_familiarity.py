import numpy as np
import pytest

pytestmark = pytest.mark.tensorflow


@pytest.fixture(scope="module")
def familiarity():
    from train.network.familiarity import fit_familiarity

    rng = np.random.default_rng(0)
    labels = np.arange(900) % 3
    means = rng.normal(0, 4, (3, 40))
    return fit_familiarity(means[labels] + rng.normal(0, 1, (900, 40)), labels, components=40), means


def test_training_photos_score_about_one(familiarity):
    model, means = familiarity
    rng = np.random.default_rng(1)
    assert model.score(means[0] + rng.normal(0, 1, (500, 40))).mean() == pytest.approx(1, abs=0.15)


def test_photos_of_no_class_score_higher_than_all_but_a_few_of_the_familiar(familiarity):
    model, means = familiarity
    rng = np.random.default_rng(2)
    familiar = model.score(means[1] + rng.normal(0, 1, (500, 40)))
    strange = model.score(rng.normal(0, 1, (500, 40)) * 6)
    assert np.quantile(strange, 0.05) > np.quantile(familiar, 0.99)


def test_fewer_photos_than_components_give_a_score_all_the_same():
    from train.network.familiarity import fit_familiarity

    rng = np.random.default_rng(3)
    model = fit_familiarity(rng.normal(0, 1, (12, 40)), np.arange(12) % 3, components=128)
    assert model.whitening.shape == (40, 9)
    assert np.isfinite(model.score(rng.normal(0, 1, (5, 40)))).all()
