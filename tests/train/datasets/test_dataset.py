"""Every layout in which the images come, and every fault in them named."""

import csv
import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from train.datasets.dataset import (
    Collection,
    DatasetError,
    Record,
    Subset,
    load_frames,
    open_collection,
    true_centre_square,
)
from webapp.model.labels import CLASSES
from webapp.photo.imaging import model_input

OFFICIAL_COLUMNS = ("lesion_id", "image_id", "dx", "dx_type", "age", "sex", "localization")
OFFICIAL_ROWS = (
    ("HAM_1", "ISIC_1", "mel", "histo", "80.0", "male", "scalp"),
    ("HAM_1", "ISIC_2", "mel", "histo", "80.0", "male", "scalp"),
    ("HAM_2", "ISIC_3", "nv", "follow_up", "", "female", "back"),
)


def table(columns, rows):
    file = io.StringIO()
    csv.writer(file).writerows([columns, *rows])
    return file.getvalue()


def every(collection):
    return Subset(collection, collection.records)


@pytest.fixture
def official(tmp_path, jpeg):
    """Makes the folder as it is on Kaggle; ``metadata`` is its table's name."""

    def make(rows=OFFICIAL_ROWS, metadata="HAM10000_metadata.csv", columns=OFFICIAL_COLUMNS):
        folder = tmp_path / "ham"
        for part, image_ids in (("1", ("ISIC_1", "ISIC_2")), ("2", ("ISIC_3",))):
            (folder / f"HAM10000_images_part_{part}").mkdir(parents=True)
            for image_id in image_ids:
                (folder / f"HAM10000_images_part_{part}" / f"{image_id}.jpg").write_bytes(jpeg())
        (folder / metadata).write_text(table(columns, rows))
        return folder

    return make


@pytest.fixture
def zipped(tmp_path, jpeg):
    """Makes a zip with ``images/`` and, unless ``rows`` is None, ``labels.csv``."""

    def make(
        rows,
        columns=("image_id", "lesion_id", "dx"),
        image_ids=("a", "b"),
        name="ham10000",
        content=None,
        suffix="jpg",
    ):
        path = tmp_path / f"{name}.zip"
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for image_id in image_ids:
                archive.writestr(f"images/{image_id}.{suffix}", content or jpeg((32, 32)))
            if rows is not None:
                archive.writestr("labels.csv", table(columns, rows))
        return path

    return make


@pytest.fixture
def class_folders(tmp_path, jpeg):
    """Makes one folder a class from ``{"mel": ["a"]}``."""

    def make(contents):
        folder = tmp_path / "by_class"
        for dx, image_ids in contents.items():
            (folder / dx).mkdir(parents=True)
            for image_id in image_ids:
                (folder / dx / f"{image_id}.jpg").write_bytes(jpeg())
        return folder

    return make


@pytest.mark.parametrize(
    "metadata", ["HAM10000_metadata.csv", "HAM10000_metadata"], ids=["kaggle", "dataverse"]
)
def test_the_official_layout(official, metadata):
    collection = open_collection(official(metadata=metadata))

    assert [r.image_id for r in collection.records] == ["ISIC_1", "ISIC_2", "ISIC_3"]
    first, _, last = collection.records
    assert (first.lesion_id, first.dx, first.malignant, first.dx_type) == ("HAM_1", "mel", True, "histo")
    assert (first.age, first.sex, first.localization) == (80.0, "male", "scalp")
    assert (last.dx, last.malignant, last.age) == ("nv", False, None)
    assert first.aspect is None, "the official files are not squashed"
    assert [image.size for _, image in every(collection).images()] == [(40, 30)] * 3


def test_a_zip_of_squashed_frames(zipped):
    collection = open_collection(zipped([("a", "L1", "bcc"), ("b", "L2", "df")], name="isic2017"))

    assert [(r.image_id, r.lesion_id, r.dx, r.malignant) for r in collection.records] == [
        ("a", "L1", "bcc", True),
        ("b", "L2", "df", False),
    ]
    assert {r.aspect for r in collection.records} == {4 / 3}
    assert [(r.image_id, image.size) for r, image in every(collection).images()] == [
        ("a", (32, 32)),
        ("b", (32, 32)),
    ]


def test_a_zip_of_webp_frames_in_their_true_shape(zipped):
    content = io.BytesIO()
    Image.new("RGB", (40, 30), "tan").save(content, "WEBP")
    rows = [("a", "L1", "bcc"), ("b", "L2", "df")]
    collection = open_collection(zipped(rows, content=content.getvalue(), suffix="webp"))

    assert {r.aspect for r in collection.records} == {None}
    assert [image.size for _, image in every(collection).images()] == [(40, 30), (40, 30)]


def test_a_zip_of_phone_photos_keeps_its_patients_and_partial_labels(zipped):
    columns = ("image_id", "patient_id", "lesion_id", "dx", "dx_orig", "malignant", "fitzpatrick")
    rows = [("a", "P1", "1", "akiec", "ACK", "1", "3.0"), ("b", "P1", "2", "", "SCC", "1", "")]
    ack, scc = open_collection(zipped(rows, columns, name="pad_ufes_20")).records

    assert (ack.patient_id, ack.skin_type) == ("P1", "3.0")
    assert (ack.dx, ack.dx_original, ack.malignant) == ("akiec", "ACK", True)
    assert (scc.dx, scc.malignant) == (None, True)
    assert ack.aspect is None, "phone photos have their true shape"


def test_one_folder_a_class(class_folders):
    collection = open_collection(class_folders({"vasc": ["c"], "akiec": ["a", "b"]}))

    assert [(r.image_id, r.dx, r.malignant, r.lesion_id) for r in collection.records] == [
        ("a", "akiec", True, "a"),
        ("b", "akiec", True, "b"),
        ("c", "vasc", False, "c"),
    ]
    assert len(list(every(collection).images())) == 3


def test_only_the_records_asked_for_are_read(official):
    collection = open_collection(official())

    assert [r.image_id for r, _ in Subset(collection, collection.records[2:]).images()] == ["ISIC_3"]


def test_classes_are_numbers_in_the_order_of_the_contract_and_scc_counts_as_akiec():
    labels = [("nv", False, ""), ("akiec", True, "ACK"), (None, True, "SCC")]
    records = [
        Record(str(i), dx, bad, "", "", "made", dx_original=of) for i, (dx, bad, of) in enumerate(labels)
    ]

    classes = every(Collection("made", tuple(records), None, {})).classes

    assert [CLASSES[i] for i in classes] == ["nv", "akiec", "akiec"]


def test_an_image_whose_class_is_not_known_is_named(zipped):
    collection = open_collection(zipped([("a", "", "1")], ("image_id", "dx", "malignant")))

    with pytest.raises(DatasetError, match="a has no diagnosis"):
        _ = every(collection).classes


def test_a_missing_image_is_named(official):
    folder = official()
    (folder / "HAM10000_images_part_2" / "ISIC_3.jpg").unlink()

    with pytest.raises(DatasetError, match="ISIC_3 is missing"):
        open_collection(folder)


def test_an_image_missing_from_a_zip_is_named(zipped):
    with pytest.raises(DatasetError, match="image of c is missing"):
        open_collection(zipped([("a", "L1", "nv"), ("c", "L2", "nv")]))


def test_a_truncated_image_is_named(official):
    folder = official()
    image = folder / "HAM10000_images_part_1" / "ISIC_2.jpg"
    Image.effect_noise((200, 150), 50).save(image)
    image.write_bytes(image.read_bytes()[:-2000])

    with pytest.raises(DatasetError, match=r"ISIC_2\.jpg: the file is damaged or cut off"):
        list(every(open_collection(folder)).images())


@pytest.mark.parametrize("content", [b"this is no image", b""], ids=["text", "empty"])
def test_a_file_that_is_no_image_is_named(official, content):
    folder = official()
    (folder / "HAM10000_images_part_2" / "ISIC_3.jpg").write_bytes(content)

    with pytest.raises(DatasetError, match=r"ISIC_3\.jpg: "):
        list(every(open_collection(folder)).images())


def test_an_image_that_vanishes_after_opening_is_named(official):
    folder = official()
    collection = open_collection(folder)
    (folder / "HAM10000_images_part_2" / "ISIC_3.jpg").unlink()

    with pytest.raises(DatasetError, match=r"cannot read .*ISIC_3\.jpg"):
        list(every(collection).images())


def test_a_damaged_member_of_a_zip_is_named(zipped):
    noise = np.random.default_rng(0).bytes(4000).hex().encode()
    path = zipped([("a", "L1", "nv")], image_ids=["a"], content=noise)
    data = bytearray(path.read_bytes())
    data[100:120] = b"\xff" * 20  # inside the compressed image: the decompressor itself fails
    path.write_bytes(data)

    with pytest.raises(DatasetError, match=r"cannot read images/a\.jpg"):
        list(every(open_collection(path)).images())


def test_an_unknown_dx_is_named_with_its_image(official):
    rows = [*OFFICIAL_ROWS[:2], ("HAM_2", "ISIC_3", "nevus", "histo", "50.0", "male", "back")]

    with pytest.raises(DatasetError, match="ISIC_3 has the unknown dx 'nevus'"):
        open_collection(official(rows))


def test_a_duplicate_id_is_named(official):
    with pytest.raises(DatasetError, match="ISIC_2 stands twice"):
        open_collection(official([*OFFICIAL_ROWS, OFFICIAL_ROWS[1]]))


def test_one_image_in_two_class_folders_is_named(class_folders):
    with pytest.raises(DatasetError, match="same stands twice"):
        open_collection(class_folders({"mel": ["same"], "nv": ["same"]}))


def test_an_image_without_any_label_is_named(zipped):
    with pytest.raises(DatasetError, match="b has neither a dx nor a malignant label"):
        open_collection(zipped([("a", "L1", "nv"), ("b", "L2", "")]))


def test_an_age_that_is_no_number_is_named_with_its_image(official):
    rows = [("HAM_1", "ISIC_1", "mel", "histo", "eighty", "male", "scalp")]

    with pytest.raises(DatasetError, match="ISIC_1 has the age 'eighty'"):
        open_collection(official(rows))


def test_a_table_without_image_ids_is_refused(official):
    with pytest.raises(DatasetError, match="without an image_id"):
        open_collection(official(columns=("lesion", "image", *OFFICIAL_COLUMNS[2:])))


def test_missing_labels_are_named(zipped):
    with pytest.raises(DatasetError, match=r"ham10000\.zip: labels\.csv is missing"):
        open_collection(zipped(None))


def test_empty_labels_are_refused(zipped):
    with pytest.raises(DatasetError, match="no image has a label"):
        open_collection(zipped([]))


def test_an_unknown_class_folder_is_named(class_folders):
    with pytest.raises(DatasetError, match="folder 'melanoma' is no dx code"):
        open_collection(class_folders({"nv": ["a"], "melanoma": ["b"]}))


@pytest.mark.parametrize("kind", ["nothing", "empty folder", "text file"])
def test_a_path_in_no_known_layout_is_named(tmp_path, kind):
    path = tmp_path / "photos"
    if kind == "empty folder":
        path.mkdir()
    elif kind == "text file":
        path.write_text("labels")

    with pytest.raises(DatasetError, match=r"photos: neither a zip .* nor a folder"):
        open_collection(path)


def disc(width, height):
    """A dark disc in the middle of a frame, drawn four times as large for smooth edges."""
    frame = Image.new("RGB", (4 * width, 4 * height), "white")
    radius = min(width, height)
    ImageDraw.Draw(frame).circle((2 * width, 2 * height), radius, "black")
    return frame.resize((width, height), Image.Resampling.BOX)


def extent(pixels):
    """Width and height in pixels of what is dark."""
    dark = pixels[..., 0] < 128
    return int(dark.any(axis=0).sum()), int(dark.any(axis=1).sum())


@pytest.mark.parametrize(("width", "height"), [(600, 450), (450, 600)], ids=["landscape", "portrait"])
def test_the_true_centre_square_undoes_a_squash(width, height):
    squashed = disc(width, height).resize((224, 224), Image.Resampling.BICUBIC)
    across, down = extent(np.asarray(squashed))
    assert abs(across - down) > 20, "the squashed disc is no longer round"

    pixels = model_input(squashed, 168, true_centre_square(224, 224, width / height))

    across, down = extent(pixels)
    assert abs(across - down) <= 2, "round again"
    assert abs(across - 84) <= 2, "half of the frame's shorter side, as drawn"


def test_an_image_that_was_not_squashed_needs_no_box():
    assert true_centre_square(600, 450, None) is None


def test_frames_are_squashed_to_one_size_and_remember_their_aspect(official, zipped):
    collection = open_collection(official())
    frames = load_frames([every(collection)], 16)
    assert frames.pixels.shape == (3, 16, 16, 3)
    assert frames.pixels.dtype == np.uint8
    assert frames.aspects == pytest.approx([4 / 3] * 3)

    squashed = open_collection(zipped([("a", "L1", "nv")], name="isic2017"))
    assert load_frames([every(squashed)], 32).aspects == pytest.approx([4 / 3])


@pytest.mark.shared
def test_the_shared_ham10000_is_whole(shared_data: Path):
    collection = open_collection(shared_data / "ham10000.zip")

    assert len(collection.records) == 10_015
    assert len({r.lesion_id for r in collection.records}) == 7_470
    assert {r.dx for r in collection.records} == set(CLASSES)
    _, image = next(every(collection).images())
    assert (image.mode, image.size) == ("RGB", (600, 450))
