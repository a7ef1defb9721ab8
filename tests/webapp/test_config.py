import traceback
from dataclasses import fields
from pathlib import Path

import pytest

from scripts.settings_table import PAGE, rendered
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
        "FLASK_QUEUE_SIZE": "4",
        "FLASK_UPLOAD_SECONDS": "20",
        "FLASK_UPLOAD_RATE": "4000",
        "FLASK_STALL_SECONDS": "5",
        "FLASK_RATELIMIT_ENABLED": "false",
        "FLASK_RATELIMIT": "1 per second",
        "FLASK_PROXY_HOPS": "1",
        "FLASK_TRUSTED_HOSTS": "example.org, .example.com, [::1]",
        "FLASK_API_KEYS": "a-key-of-a-program, another-key-0123",
        "FLASK_CORS_ORIGINS": "https://example.org,http://localhost:3000",
        "FLASK_METRICS": "true",
        "FLASK_METRICS_KEY": "a-key-of-prometheus",
        "SECRET_KEY": "sixteen letters.",
        "PORT": "5000",
        "WEB_CONCURRENCY": "3",
        "REDIS_URL": "redis://localhost:6379",
        "DYNO": "web.1",
    }
    assert {setting.metadata["name"] for setting in fields(Settings)} == set(environ)
    assert Settings.from_environ(environ) == Settings(
        runtime="keras",
        model_path=Path("models/mine.h5"),
        max_upload_bytes=1000,
        max_pixels=2000,
        queue_size=4,
        upload_seconds=20,
        upload_rate=4000,
        stall_seconds=5,
        ratelimit_enabled=False,
        ratelimit="1 per second",
        proxy_hops=1,
        trusted_hosts=("example.org", ".example.com", "[::1]"),
        api_keys=("a-key-of-a-program", "another-key-0123"),
        cors_origins=("https://example.org", "http://localhost:3000"),
        metrics=True,
        metrics_key="a-key-of-prometheus",
        secret_key="sixteen letters.",
        port=5000,
        web_concurrency=3,
        redis_url="redis://localhost:6379",
        dyno="web.1",
    )


@pytest.mark.parametrize(
    ("environ", "hops"), [({}, 0), ({"FLASK_PROXY_HOPS": "1"}, 1), ({"DYNO": "web.1"}, 1)]
)
def test_a_proxy_is_believed_on_heroku_and_where_it_is_said(environ: dict[str, str], hops: int) -> None:
    assert Settings.from_environ(environ).trusted_hops == hops


def test_the_table_of_settings_is_the_declarations() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert page == rendered(page), "make settings brings docs/run.md up to date"
    assert "| `FLASK_PROXY_HOPS` | `0` | 1 behind a proxy that sets" in page
    assert "| `FLASK_RATELIMIT_ENABLED` | `true` | " in page and "| `SECRET_KEY` | not set | " in page
    assert "| `PORT` | `8000` | where gunicorn listens |" in page


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
        ("SECRET_KEY", "12345678901234567890"),
        ("FLASK_QUEUE_SIZE", "0"),
        ("FLASK_UPLOAD_SECONDS", "forever"),
        ("FLASK_STALL_SECONDS", "3601"),
        ("FLASK_UPLOAD_RATE", "fast"),
        ("FLASK_TRUSTED_HOSTS", "::1"),
        ("FLASK_TRUSTED_HOSTS", "[::1"),
        ("FLASK_RATELIMIT_ENABLED", "False"),
        ("FLASK_RATELIMIT_ENABLED", "0"),
        ("FLASK_RATELIMIT", "many"),
        ("FLASK_PROXY_HOPS", "2"),
        ("FLASK_PROXY_HOPS", "true"),
        ("FLASK_TRUSTED_HOSTS", "https://example.org"),
        ("FLASK_TRUSTED_HOSTS", "example.org,,"),
        ("REDIS_URL", "localhost:6379"),
        ("REDIS_URL", "redis://localhost:abc"),
        ("REDIS_URL", "redis://["),
        ("REDIS_URL", "redis://h:99999"),
        ("REDIS_URL", "redis://h?socket_timeout=abc"),
        ("REDIS_URL", "redis://h?no_such_option=1"),
        ("REDIS_URL", "rediss://h?protocol=9"),
        ("FLASK_METRICS", "1"),
        ("FLASK_METRICS_KEY", "short"),
        ("FLASK_API_KEYS", "short"),
        ("FLASK_API_KEYS", "a-key-of-a-program,"),
        ("FLASK_API_KEYS", "a key of a program"),
        ("FLASK_CORS_ORIGINS", "*"),
        ("FLASK_CORS_ORIGINS", "example.org"),
        ("FLASK_CORS_ORIGINS", "https://example.org/"),
    ],
)
def test_a_value_that_does_not_parse_stops_the_start_with_a_sentence(name: str, value: str) -> None:
    with pytest.raises(ConfigError) as stopped:
        Settings.from_environ({name: value})
    sentence = stopped.value.message
    assert sentence.startswith(f"The environment variable {name} must ") and sentence.endswith(".")


@pytest.mark.parametrize(
    "environ",
    [{"SECRET_KEY": "hunter2"}, {"REDIS_URL": "redis://user:hunter2/more@host"}],
)
def test_neither_the_sentence_nor_a_traceback_tells_the_secret(environ: dict[str, str]) -> None:
    with pytest.raises(ConfigError) as stopped:
        Settings.from_environ(environ)
    assert "hunter2" not in stopped.value.message
    assert "hunter2" not in "".join(traceback.format_exception(stopped.value))
