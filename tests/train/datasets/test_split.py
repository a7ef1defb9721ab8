"""The committed splits, and the code that makes them."""

import hashlib
from collections import Counter, defaultdict

import numpy as np
import pytest

from train.datasets.dataset import Collection, Record, open_collection
from train.datasets.split import (
    HAM10000,
    PARTS,
    PHONE,
    SplitError,
    format_split,
    make_split,
    read_split,
    select,
    unseen_part,
)
from webapp.model.labels import CLASSES, MALIGNANT


def record(image_id, lesion_id, dx="nv", patient_id="", dx_original=""):
    return Record(
        image_id, dx, dx in MALIGNANT, lesion_id, patient_id or lesion_id, "made", dx_original=dx_original
    )


def collection(records):
    return Collection("made", tuple(records), None, {})


@pytest.fixture
def records():
    """700 lesions, 100 a class, with one to three images each."""
    return [
        record(f"I{dx}{lesion}_{image}", f"L{dx}{lesion:03}", dx)
        for dx in CLASSES
        for lesion in range(100)
        for image in range(lesion % 3 + 1)
    ]


@pytest.mark.parametrize("scheme", [HAM10000, PHONE], ids=["ham10000", "phone"])
def test_the_committed_file_has_the_hash_that_it_states(scheme):
    first, _, *rows = scheme.file.read_text().splitlines()

    digest = hashlib.sha256("".join(f"{row}\n" for row in rows).encode()).hexdigest()

    assert first == f"# sha256 of the rows: {digest}"


@pytest.mark.parametrize(("scheme", "groups"), [(HAM10000, 7_470), (PHONE, None)], ids=["ham10000", "phone"])
def test_the_committed_file_names_every_group_once(scheme, groups):
    names = [row.split(",")[0] for row in scheme.file.read_text().splitlines()[2:]]

    assert max(Counter(names).values()) == 1, "a group in two rows could be in two parts"
    assert len(read_split(scheme)) == len(names) == (groups or len(names))


@pytest.mark.parametrize("scheme", [HAM10000, PHONE], ids=["ham10000", "phone"])
def test_a_group_moved_to_another_part_is_noticed(scheme, tmp_path):
    text = scheme.file.read_text()
    tampered = tmp_path / "split.csv"
    tampered.write_text(text.replace(",test\n", ",train\n", 1))
    assert tampered.read_text() != text

    with pytest.raises(SplitError, match=r"split\.csv: the rows do not match the hash"):
        read_split(scheme, tampered)


@pytest.mark.parametrize(
    "tamper",
    [
        lambda text: text[: len(text) // 2],
        lambda text: text + "HAM_9999999,train\n",
        lambda text: text.replace("lesion_id,part", "patient_id,part", 1),
        lambda text: text.partition("\n")[2],
    ],
    ids=["cut off", "row added", "other header", "no hash"],
)
def test_any_other_change_is_noticed(tamper, tmp_path):
    tampered = tmp_path / "split.csv"
    tampered.write_text(tamper(HAM10000.file.read_text()))

    with pytest.raises(SplitError, match=r"split\.csv"):
        read_split(HAM10000, tampered)


def test_an_unknown_part_is_named_even_with_the_right_hash(tmp_path):
    path = tmp_path / "split.csv"
    path.write_text(format_split({"L1": "train", "L2": "dev"}))

    with pytest.raises(SplitError, match="L2 is in the unknown part 'dev'"):
        read_split(HAM10000, path)


def test_what_is_written_is_what_is_read(records, tmp_path):
    parts = make_split(records)
    path = tmp_path / "split.csv"
    path.write_text(format_split(parts))

    assert read_split(HAM10000, path) == parts


def test_no_lesion_crosses(records):
    parts = make_split(records)

    subsets = {part: select(collection(records), parts, part).records for part in PARTS}
    seen = {part: {r.lesion_id for r in chosen} for part, chosen in subsets.items()}

    assert not seen["train"] & seen["val"]
    assert not seen["train"] & seen["test"]
    assert not seen["val"] & seen["test"]
    assert sum(map(len, subsets.values())) == len(records), "and none is lost"


def test_no_patient_crosses_in_the_phone_split():
    # 40 patients with three lesions each, of two diagnoses.
    records = [
        record(f"I{patient}_{i}", f"L{patient}_{i}", "bcc", f"P{patient}", original)
        for patient in range(40)
        for i, original in enumerate(("BCC", "BCC", "NEV"))
    ]
    parts = make_split(records, PHONE)

    subsets = [select(collection(records), parts, part, PHONE) for part in PARTS]
    patients = [{r.patient_id for r in subset.records} for subset in subsets]

    assert sum(map(len, patients)) == 40
    assert len(patients[2]) >= 0.35 * 40


def test_each_diagnosis_is_shared_out_70_15_15(records):
    parts = make_split(records)

    for dx in CLASSES:
        counts = Counter(part for lesion, part in parts.items() if lesion.startswith(f"L{dx}"))
        assert counts == {"train": 70, "val": 15, "test": 15}


def test_the_split_does_not_depend_on_the_order_of_the_records(records):
    shuffled = [records[i] for i in np.random.default_rng(0).permutation(len(records))]

    assert make_split(shuffled) == make_split(records)


def test_an_image_of_a_lesion_outside_the_split_is_named(records):
    stranger = record("I_new", "L_new")

    with pytest.raises(SplitError, match="lesion_id L_new of image I_new is not in the split"):
        select(collection([*records, stranger]), make_split(records), "train")


@pytest.fixture(scope="module")
def ham10000(shared_data):
    return open_collection(shared_data / "ham10000.zip")


@pytest.mark.shared
def test_the_committed_ham10000_split_is_what_the_code_makes(ham10000):
    assert format_split(make_split(ham10000.records)) == HAM10000.file.read_text()


@pytest.mark.shared
def test_the_committed_phone_split_is_what_the_code_makes(shared_data):
    records = open_collection(shared_data / "pad_ufes_20.zip").records

    assert format_split(make_split(records, PHONE), PHONE) == PHONE.file.read_text()


@pytest.mark.shared
def test_no_lesion_of_ham10000_crosses_and_each_class_is_shared_out(ham10000):
    parts = read_split()
    where = defaultdict(set)
    for part in PARTS:
        for r in select(ham10000, parts, part).records:
            where[r.lesion_id].add(part)
    assert all(len(found) == 1 for found in where.values())

    lesions = {r.lesion_id: r.dx for r in ham10000.records}
    for dx in CLASSES:
        counts = Counter(parts[lesion] for lesion, of in lesions.items() if of == dx)
        for part, share in zip(PARTS, (0.70, 0.15, 0.15), strict=True):
            assert abs(counts[part] - share * counts.total()) <= 1, f"{dx} in {part}"
    images = Counter(parts[r.lesion_id] for r in ham10000.records)
    assert images["test"] / images.total() == pytest.approx(0.15, abs=0.01)


def test_at_least_35_per_cent_of_the_phone_patients_are_for_the_test():
    parts = Counter(read_split(PHONE).values())

    assert parts["test"] / parts.total() >= 0.35


def test_a_third_of_isic2017_is_kept_out_of_training_whatever_else_is_in_the_file():
    records = [record(f"ISIC_{number:07d}", "") for number in range(2000)]
    teaching, unseen = unseen_part(collection(records))
    assert len(unseen.records) == pytest.approx(0.35 * 2000, rel=0.1)
    assert sorted(r.image_id for r in (*teaching.records, *unseen.records)) == [r.image_id for r in records]
    fewer = unseen_part(collection(records[::-3]))[1]
    assert {r.image_id for r in fewer.records} <= {r.image_id for r in unseen.records}
    others = [record(name, "") for i in range(99) for name in (f"ISIC_{24_306 + i:07d}", f"b_melanoma_{i}")]
    assert not unseen_part(collection(others))[1].records, "HAM10000 and the archive teach with all they have"
