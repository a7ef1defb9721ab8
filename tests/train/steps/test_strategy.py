"""Several devices train one network. A process of its own: devices can only be set before TensorFlow runs."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.train.made_dataset import make_dataset

SCRIPT = """
import sys
import tensorflow as tf

cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
replicas = []
mirrored = tf.distribute.MirroredStrategy

def watched(names):
    strategy = mirrored(names)
    replicas.append(strategy.num_replicas_in_sync)
    return strategy

tf.distribute.MirroredStrategy = watched
from train.__main__ import main

status = main(sys.argv[1:])
print("replicas", replicas)
sys.exit(status)
"""


@pytest.mark.tensorflow
@pytest.mark.slow
def test_two_devices_train_a_network_that_loads_back(tmp_path: Path) -> None:
    data = make_dataset(tmp_path / "ham10000")
    split = ["--data", str(data), "--split-file", str(tmp_path / "split.csv")]
    fit = ["fit", *split, "--run", str(tmp_path / "run"), "--strategy", "mirrored"]
    fit += ["--stages", "64x1", "--batch-size", "8", "--no-pretrained"]
    for arguments in (["split", *split], fit):
        command = [sys.executable, "-c", SCRIPT, *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
        assert done.returncode == 0, done.stderr
    assert "replicas [2]" in done.stdout

    import keras

    trained = keras.saving.load_model(tmp_path / "run" / "classifier.keras", compile=False)
    assert trained.count_params() > 1_000_000


@pytest.mark.tensorflow
def test_the_origins_network_says_that_it_trains_on_one_device(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from train.__main__ import main

    data = make_dataset(tmp_path / "ham10000")
    split = ["--data", str(data), "--split-file", str(tmp_path / "split.csv")]
    assert main(["split", *split]) == 0
    run = ["--run", str(tmp_path / "run"), "--model", "seed-cnn", "--strategy", "mirrored"]
    assert main(["fit", *split, *run]) == 1
    assert "trains on one device only" in capsys.readouterr().err
