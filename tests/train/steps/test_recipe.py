"""What a run was begun with decides whether it can go on."""

import dataclasses
import json
from pathlib import Path

import pytest

pytestmark = pytest.mark.tensorflow


def test_a_run_begun_before_a_choice_existed_goes_on_with_its_default(tmp_path: Path) -> None:
    from train.steps.failures import FitError
    from train.steps.recipe import Recipe
    from train.steps.run_folder import prepare_run

    recipe = Recipe(model="lite2", stages=((64, 2),), seed=4)
    prepare_run(tmp_path / "run", recipe, resume=False)
    about = tmp_path / "run" / "run.json"
    begun = json.loads(about.read_text())
    del begun["recipe"]["mixup"]
    about.write_text(json.dumps(begun))
    prepare_run(tmp_path / "run", recipe, resume=True)
    with pytest.raises(FitError, match="another recipe"):
        prepare_run(tmp_path / "run", dataclasses.replace(recipe, mixup=0.3), resume=True)
    with pytest.raises(FitError, match="already holds a run"):
        prepare_run(tmp_path / "run", recipe, resume=False)


@pytest.mark.parametrize("choice", [{"mixup": 0.2}, {"drop_connect": 0.1}, {"frozen_stages": 3}])
def test_the_origins_network_refuses_what_it_would_ignore(choice: dict[str, float], tmp_path: Path) -> None:
    from train.datasets.dataset import Subset
    from train.steps.failures import FitError
    from train.steps.fit import fit
    from train.steps.recipe import SEED_CNN_RECIPE

    nothing = Subset(None, ())  # type: ignore[arg-type]  # refused before any photo is looked at
    with pytest.raises(FitError, match="leave out --mixup, --drop-connect"):
        fit(nothing, nothing, dataclasses.replace(SEED_CNN_RECIPE, **choice), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_the_origins_network_refuses_a_start_it_would_not_load(tmp_path: Path) -> None:
    from train.datasets.dataset import Subset
    from train.steps.failures import FitError
    from train.steps.fit import fit
    from train.steps.recipe import SEED_CNN_RECIPE

    nothing = Subset(None, ())  # type: ignore[arg-type]
    with pytest.raises(FitError, match="--start"):
        fit(nothing, nothing, SEED_CNN_RECIPE, tmp_path / "run", start=tmp_path)
