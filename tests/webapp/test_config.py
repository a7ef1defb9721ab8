from dataclasses import fields
from pathlib import Path

import pytest

from webapp.config import ConfigError, Settings


def test_nothing_set_gives_the_defaults() -> None:
    settings = Settings.from_environ({})
    assert settings == Settings()
    assert (settings.runtime, settings.max_upload_bytes, settings.port) == ("litert", 15_000_000, 8000)


def test_an_empty_variable_counts_as_not_set() -> None:
    assert Settings.from_environ({"PORT": "", "SECRET_KEY": ""}) == Settings()


def test_every_setting_can_be_set() -> None:
    environ = {
        "FLASK_RUNTIME": "keras",
        "FLASK_MODEL_PATH": "models/mine.h5",
        "FLASK_MAX_UPLOAD_BYTES": "1000",
        "FLASK_MAX_PIXELS": "2000",
        "SECRET_KEY": "sixteen letters.",
        "PORT": "5000",
        "WEB_CONCURRENCY": "3",
    }
    assert {setting.metadata["name"] for setting in fields(Settings)} == set(environ)
    assert Settings.from_environ(environ) == Settings(
        "keras", Path("models/mine.h5"), 1000, 2000, "sixteen letters.", 5000, 3
    )


def test_every_setting_says_what_it_does() -> None:
    assert all(setting.metadata["purpose"] for setting in fields(Settings))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("FLASK_RUNTIME", "torch"),
        ("FLASK_RUNTIME", "False"),
        ("FLASK_MODEL_PATH", "model.pth"),
        ("FLASK_MAX_UPLOAD_BYTES", "15 MB"),
        ("FLASK_MAX_UPLOAD_BYTES", "0"),
        ("FLASK_MAX_PIXELS", "-1"),
        ("FLASK_MAX_PIXELS", "1e6"),
        ("PORT", "65536"),
        ("PORT", "²"),
        ("WEB_CONCURRENCY", "auto"),
        ("SECRET_KEY", "12345"),
    ],
)
def test_a_value_that_does_not_parse_stops_the_start_with_a_sentence(name: str, value: str) -> None:
    with pytest.raises(ConfigError) as stopped:
        Settings.from_environ({name: value})
    sentence = stopped.value.message
    assert sentence.startswith(f"The environment variable {name} must ") and sentence.endswith(".")


def test_the_sentence_does_not_tell_the_secret() -> None:
    with pytest.raises(ConfigError) as stopped:
        Settings.from_environ({"SECRET_KEY": "hunter2"})
    assert "hunter2" not in stopped.value.message
