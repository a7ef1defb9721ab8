"""What is left out teaches neither teacher nor student, and each is asked about it all the same."""

import json
from pathlib import Path

import numpy as np
import pytest

from tests.train.made_dataset import make_dataset, make_other_dermoscopy, make_phone_photos
from train.__main__ import main
from train.datasets.dataset import Collection, DatasetError, Record, Subset, open_collection
from train.datasets.targets import read_targets
from train.steps.recipe import Recipe
from webapp.model.labels import CLASSES, MALIGNANT

pytestmark = pytest.mark.tensorflow


def clinic_of(name: str, diagnoses: tuple[str | None, ...], phone: bool = False):
    from train.steps.leave_out import Clinic

    records = tuple(
        Record(f"{name}{i}", dx, dx in MALIGNANT or i % 2 == 0, f"{name}{i}", f"{name}{i}", name)
        for i, dx in enumerate(diagnoses)
    )
    whole = Collection(name, records, None, {})
    half = len(records) // 2
    unseen = records[half:] if all(diagnoses) else records
    return Clinic(
        name, Subset(whole, records[:half] if all(diagnoses) else records), Subset(whole, unseen), phone
    )


def test_without_home_another_clinic_of_dermatoscopes_decides_and_sees_as_many_photos():
    from train.steps.leave_out import _as_long, _draws, _roles

    home, phone = clinic_of("home", CLASSES * 40), clinic_of("phone", CLASSES * 10, phone=True)
    other, archive = clinic_of("other", CLASSES * 12), clinic_of("archive", (None,) * 20)

    assert _roles([home, phone, archive, other]) == (home, phone, [archive, other])
    assert _roles([phone, archive, other]) == (other, phone, [archive])
    with pytest.raises(DatasetError, match="no dermatoscope photos"):
        _roles([phone, archive])
    longer = _as_long(Recipe(stages=((128, 4), (160, 1))), _draws([home, phone]) / _draws([phone, other]))
    assert longer.stages == ((128, 9), (160, 2))


def test_what_has_no_unseen_part_is_only_asked_by_who_did_not_learn_from_it():
    assert clinic_of("home", CLASSES * 4).has_unseen_part
    assert not clinic_of("archive", (None,) * 20).has_unseen_part


def test_a_name_that_is_no_collection_is_refused(tmp_path):
    from train.steps.leave_out import left_out_students

    clinics = [clinic_of("home", CLASSES * 4), clinic_of("other", CLASSES * 4)]
    with pytest.raises(DatasetError, match="mars: not among everything, home, other"):
        left_out_students(clinics, {}, Recipe(), tmp_path, ["mars"])


@pytest.mark.slow
def test_the_step_writes_figures_of_teachers_and_students_and_does_not_train_twice(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = make_dataset(tmp_path / "ham10000", lesions_per_class=24)
    phone = make_phone_photos(tmp_path / "phone.zip", patients=160)
    other = make_other_dermoscopy(tmp_path / "isic2017.zip", count=90)
    collections = [open_collection(each) for each in (data, phone, other)]
    rng = np.random.default_rng(3)
    ids = [record.image_id for collection in collections for record in collection.records]
    features = tmp_path / "features"
    features.mkdir()
    np.savez(features / "made.npz", ids=ids, features=rng.normal(0, 1, (len(ids), 6)).astype(np.float16))
    bundle = tmp_path / "bundle"
    bundle.mkdir()
    (bundle / "metrics.json").write_text('{"model_version": "9.9.9"}')
    (bundle / "contract.json").write_text('{"files": {}}')
    split = tmp_path / "split.csv"
    assert main(["split", "--data", str(data), "--split-file", str(split)]) == 0
    arguments = [
        *("leave-out", "--data", str(data), "--split-file", str(split)),
        *("--phone", str(phone), "--phone-split-file", str(phone.with_name("split_phone.csv"))),
        *("--extra", str(other), "--features", str(features), "--run", str(tmp_path / "runs")),
        *("--stages", "32x1", "--batch-size", "8", "--frozen-stages", "7", "--resamples", "20"),
        *("--only", "everything", "isic2017", "--out", str(tmp_path / "out.json"), "--bundle", str(bundle)),
    ]
    assert main(arguments) == 0, capsys.readouterr().err

    figures = json.loads((tmp_path / "out.json").read_text())
    written = json.loads((bundle / "metrics.json").read_text())
    assert written == {"model_version": "9.9.9", "left_out": figures}
    assert "metrics.json" in json.loads((bundle / "contract.json").read_text())["files"]
    found = figures["student"]["isic2017"]
    for key in ("with_it", "without_it"):
        for figure in ("malignancy_auc", "malignancy_ece", "missed"):
            assert 0 <= found[key][figure]["low"] <= found[key][figure]["high"] <= 1
    home = figures["student"][collections[0].name]
    assert set(home) == {"photos", "cancers", "with_it"}
    assert set(home["with_it"]) == {"malignancy_auc"}, "the others were fitted to these very photos"
    taught, untaught = (
        read_targets(tmp_path / "runs" / name / "targets.npz") for name in ("everything", "isic2017")
    )
    seventh = {record.image_id for record in collections[2].records}
    assert seventh & taught.keys() and not seventh & untaught.keys()

    log = tmp_path / "runs" / "isic2017" / "log.csv"
    trained = log.stat().st_mtime_ns
    assert main(arguments) == 0
    assert log.stat().st_mtime_ns == trained
    assert main([*arguments, "--learning-rate", "1e-4"]) == 1
    assert "holds a run of another recipe" in capsys.readouterr().err
    fewer = [each for each in arguments if each not in ("--phone", str(phone))]
    assert main([*fewer, "--only", "everything"]) == 1
    assert "results of other choices" in capsys.readouterr().err
