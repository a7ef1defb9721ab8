"""A training that begins, is refused, or goes on from what is there."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

from train.datasets.dataset import Subset, open_collection
from train.datasets.split import make_split, select

pytestmark = pytest.mark.tensorflow


@pytest.mark.parametrize(
    ("recipe", "given", "sentence"),
    [
        ({"teacher_share": 0.5}, {}, "belong together"),
        ({}, {"teachers": [Path("bundle")]}, "belong together"),
        ({"extra_share": 0.5}, {}, "belong together"),
        ({"extra_share": 0.5}, {"extra": True}, "need a teacher"),
    ],
)
def test_what_a_recipe_needs_must_be_there(data, tmp_path, recipe, given, sentence):
    from train.steps.failures import FitError
    from train.steps.fit import fit
    from train.steps.recipe import Recipe

    collection = open_collection(data)
    nobody = Subset(collection, ())
    unknown = dataclasses.replace(collection.records[0], dx=None, malignant=False)
    if "extra" in given:
        given = {"extra": [Subset(collection, (unknown,))]}
    with pytest.raises(FitError, match=sentence):
        fit(nobody, nobody, Recipe(**recipe), tmp_path / "run", **given)
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
def test_resumed_run_ends_with_the_weights_of_an_uninterrupted_one(data, tmp_path):
    import keras

    from train.steps.fit import fit
    from train.steps.recipe import Recipe

    collection = open_collection(data)
    parts = make_split(collection.records)
    train, val = (select(collection, parts, part) for part in ("train", "val"))
    recipe = Recipe(stages=((64, 2),), batch_size=8, deterministic=True, validate_every=1)
    whole = fit(train, val, recipe, tmp_path / "whole", pretrained=False)
    fit(train, val, recipe, tmp_path / "resumed", pretrained=False, stop_after=1)
    resumed = fit(train, val, recipe, tmp_path / "resumed", pretrained=False, resume=True)

    first, second = (keras.saving.load_model(file, compile=False).get_weights() for file in (whole, resumed))
    assert max(float(np.abs(a - b).max()) for a, b in zip(first, second, strict=True)) <= 1e-6


@pytest.mark.slow
def test_training_goes_on_from_a_bundle_with_its_first_stages_as_they_are(data, tmp_path):
    import keras

    from train.network.backbone import freeze_stages
    from train.network.models import build_classifier
    from train.network.served import VIEWS, load_classifier_weights
    from webapp.model.bundle import BUNDLE_FOLDER, load_bundle

    bundle = load_bundle(BUNDLE_FOLDER)
    written = json.loads((BUNDLE_FOLDER / "contract.json").read_text())
    architecture = written["architecture"].removeprefix("EfficientNet-").lower()
    served = keras.saving.load_model(bundle.file("model.keras"), compile=False)
    network = build_classifier(architecture, pretrained=False)
    load_classifier_weights(network, BUNDLE_FOLDER)
    photo = np.random.default_rng(0).integers(0, 256, (1, *served.input_shape[1:]), np.uint8)
    laid = [np.rot90(photo[0, :, :: -1 if v.mirrored else 1], v.quarters) for v in VIEWS[written["views"]]]
    logits = network.predict(np.stack(laid), verbose=0).mean(axis=0)
    scores = logits / bundle.contract.temperature + np.log(bundle.contract.natural_prior)
    odds = np.exp(scores - np.log(bundle.contract.training_prior))
    assert odds / odds.sum() == pytest.approx(served.predict(photo, verbose=0)["probabilities"][0], abs=1e-4)

    freeze_stages(network, architecture, 3)
    trained = {layer.name.partition("_")[0] for layer in network.layers if layer.trainable}
    kept = {"lite0": 5, "lite1": 6, "lite2": 7}[architecture]  # blocks of the first three stages
    assert {f"block{kept}", "head", "logits"} <= trained
    assert not trained & {"stem", *(f"block{i}" for i in range(kept))}
