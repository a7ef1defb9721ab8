"""What the figures of a release are held against."""

import pytest

from train.datasets.dataset import Subset, open_collection


def test_differences_are_those_of_figures_that_both_have():
    from train.steps.evaluate import differences

    committed = {"a": {"value": 0.5, "low": None}, "points": [[0.1, 0.2]], "only here": 1, "images": 3}
    assert (
        differences({"a": {"value": 0.5004, "low": None}, "points": [[0.1, 0.2]], "new": 2}, committed) == []
    )
    assert differences({"a": {"value": 0.52, "low": 0.1}, "images": 4}, committed) == [
        "a.value: 0.52, committed 0.5",
        "a.low: 0.1, committed None",
        "images: 4, committed 3",
    ]
    assert differences({"points": [[0.1]]}, committed) != []


@pytest.mark.slow
def test_a_release_without_phone_photos_stands_beside(data, monkeypatch):
    from train.datasets.dataset import DatasetError
    from train.evaluation.answers import open_served, predict
    from train.steps import evaluate
    from webapp.model.bundle import BUNDLE_FOLDER

    collection = open_collection(data)
    photos = Subset(collection, collection.records)
    now = predict(open_served(BUNDLE_FOLDER), photos)
    with pytest.raises(DatasetError, match="phone photos, too"):
        evaluate.without_phone_photos(BUNDLE_FOLDER, photos, photos, now)
    monkeypatch.setattr(evaluate, "PHONE_COLLECTION", "another collection")
    found = evaluate.without_phone_photos(BUNDLE_FOLDER, photos, photos, now, resamples=10)
    assert 0 <= found["malignancy_auc"]["value"] <= 1
    assert 0 <= found["pad_definition"]["malignancy_auc"]["value"] <= 1
    assert found["dermoscopy_difference"] == {"value": 0, "low": 0, "high": 0}


@pytest.mark.tensorflow
@pytest.mark.slow
def test_what_another_release_says_of_the_origins_network_is_kept(data, tmp_path):
    from train.steps.evaluate import measure
    from webapp.model.bundle import BUNDLE_FOLDER

    collection = open_collection(data)
    photos = Subset(collection, collection.records[::4])
    earlier = {"baselines": {"seed_cnn": {"accuracy": {"value": 0.5}}}}
    found = measure(BUNDLE_FOLDER, test=photos, earlier=earlier, negatives=1, resamples=10)
    assert found["baselines"]["seed_cnn"] == {"accuracy": {"value": 0.5}}
