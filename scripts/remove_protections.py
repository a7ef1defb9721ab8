"""``python -m scripts.remove_protections``: takes each protection out once, and expects its test to fail.

A test that passes without what it guards guards nothing. Works on a copy of the files that git knows, whose
tests must pass first; one protection takes 2 to 40 seconds, all of them about ten minutes. Run it after a
change of security or intake.
"""

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[1]


@dataclass(frozen=True)
class Protection:
    """One protection: the code that it consists of, what stands there without it, and who must notice."""

    name: str
    file: str
    code: str
    without: str
    tests: str


PROTECTIONS: Final = (
    Protection(
        "formats by content",
        "webapp/imaging.py",
        "Image.open(io.BytesIO(data), formats=FORMATS)",
        "Image.open(io.BytesIO(data))",
        "tests/webapp/test_imaging.py",
    ),
    Protection(
        "empty files",
        "webapp/imaging.py",
        "    if not data:\n        raise EmptyFile",
        "    if False:\n        raise EmptyFile",
        "tests/webapp/test_imaging.py",
    ),
    Protection(
        "damage while decoding",
        "webapp/imaging.py",
        'raise DamagedImage("the file is damaged or cut off") from error',
        "raise",
        "tests/webapp/test_imaging.py",
    ),
    Protection(
        "damage while opening",
        "webapp/imaging.py",
        "    except Exception as error:  # Pillow's plugins",
        "    except Image.UnidentifiedImageError as error:  # Pillow's plugins",
        "tests/webapp/test_fuzz.py tests/webapp/test_imaging.py",
    ),
    Protection(
        "limit on pixels, before decoding",
        "webapp/imaging.py",
        "if opened.width * opened.height > max_pixels:",
        "if False:",
        "tests/webapp/test_imaging.py",
    ),
    Protection(
        "animations",
        "webapp/imaging.py",
        'getattr(opened, "is_animated", False)',
        "False",
        "tests/webapp/test_imaging.py",
    ),
    Protection(
        "files of a million parts",
        "webapp/imaging.py",
        "if is_hostile(data):",
        "if False:",
        "tests/webapp/test_imaging.py",
    ),
    Protection(
        "progressive scans without end",
        "webapp/structure.py",
        "if scans > JPEG_SCANS:",
        "if False:",
        "tests/webapp/test_imaging.py",
    ),
    Protection(
        "corrupt EXIF is no reason",
        "webapp/imaging.py",
        "    except Exception:  # corrupt EXIF",
        "    except ZeroDivisionError:  # corrupt EXIF",
        "tests/webapp/test_imaging.py",
    ),
    Protection(
        "Pillow's warnings are no errors",
        "webapp/imaging.py",
        'warnings.simplefilter("ignore")',
        "pass",
        "tests/webapp/test_imaging.py tests/webapp/test_fuzz.py",
    ),
    Protection(
        "16 bits are scaled",
        "webapp/imaging.py",
        'if image.mode.startswith("I"):',
        "if False:",
        "tests/webapp/test_imaging.py",
    ),
    Protection(
        "one large photo at a time",
        "webapp/imaging.py",
        "with _LARGE if opened.width * opened.height > LARGE_PIXELS else nullcontext():",
        "with nullcontext():",
        "tests/test_budgets.py::test_large_photos_at_once_fit_the_smallest_dyno",
    ),
    Protection(
        "limit on a photo's bytes",
        "webapp/diagnose.py",
        "if len(data) > settings.max_upload_bytes:",
        "if False:",
        "tests/webapp/test_api.py tests/webapp/test_views.py",
    ),
    Protection(
        "limit on a request's bytes",
        "webapp/security.py",
        "MAX_CONTENT_LENGTH=body_limit(settings),",
        "MAX_CONTENT_LENGTH=None,",
        "tests/webapp/test_api.py tests/webapp/test_views.py tests/webapp/test_security.py",
    ),
    Protection(
        "photos stay off the disk",
        "webapp/security.py",
        "    app.request_class = InMemoryRequest\n",
        "",
        "tests/webapp/test_no_trace.py",
    ),
    Protection(
        "addresses are not logged",
        "webapp/request_log.py",
        '"route": request.url_rule.rule if request.url_rule else None,',
        '"route": request.path,',
        "tests/webapp/test_no_trace.py",
    ),
    Protection(
        "answers stay out of caches",
        "webapp/security.py",
        'response.headers["Cache-Control"] = "no-store"',
        "pass",
        "tests/webapp/test_security.py",
    ),
    Protection(
        "security headers",
        "webapp/security.py",
        "    response.headers.update(HEADERS)\n",
        "",
        "tests/webapp/test_security.py",
    ),
    Protection(
        "no inline scripts",
        "webapp/security.py",
        "script-src 'self'",
        "script-src 'self' 'unsafe-inline'",
        "tests/webapp/test_security.py",
    ),
    Protection(
        "HSTS over https",
        "webapp/security.py",
        'response.headers["Strict-Transport-Security"] = HSTS',
        "pass",
        "tests/webapp/test_security.py",
    ),
    Protection(
        "the form's token",
        "webapp/__init__.py",
        "    security.protect_forms(app)\n",
        '    app.config["WTF_CSRF_ENABLED"] = False\n',
        "tests/webapp/test_security.py::test_the_form_needs_the_token_of_its_own_session",
    ),
    Protection(
        "the cookie follows the scheme",
        "webapp/security.py",
        "return request.is_secure\n",
        "return False\n",
        "tests/webapp/test_security.py",
    ),
    Protection(
        "limit on a form's texts",
        "webapp/security.py",
        "MAX_FORM_MEMORY_SIZE=FORM_MEMORY,",
        "MAX_FORM_MEMORY_SIZE=None,",
        "tests/webapp/test_security.py",
    ),
    Protection(
        "limit on a form's parts",
        "webapp/security.py",
        "MAX_FORM_PARTS=FORM_PARTS,",
        "MAX_FORM_PARTS=None,",
        "tests/webapp/test_security.py",
    ),
    Protection(
        "forged proxy headers",
        "webapp/security.py",
        "if hops := settings.trusted_hops:",
        "if hops := 1:",
        "tests/webapp/test_security.py",
    ),
    Protection(
        "forged hosts behind a proxy",
        "webapp/security.py",
        "x_host=0)",
        "x_host=hops)",
        "tests/webapp/test_security.py",
    ),
    Protection(
        "http is sent to https",
        "webapp/security.py",
        "app.before_request(require_https)",
        "pass",
        "tests/webapp/test_security.py",
    ),
    Protection(
        "trusted hosts",
        "webapp/security.py",
        "app.before_request(require_trusted_host)",
        "pass",
        "tests/webapp/test_security.py",
    ),
    Protection(
        "error pages leak nothing",
        "webapp/errors.py",
        'response.data = render_template("error.html", page=page)',
        'response.data = render_template("error.html", page=page) + repr(vars(error))',
        "tests/webapp/test_errors.py",
    ),
    Protection(
        "one key for all workers",
        "gunicorn.conf.py",
        'os.environ["SECRET_KEY"] = secrets.token_hex(32)',
        "pass",
        "tests/webapp/test_server.py",
    ),
    Protection(
        "settings that do not parse",
        "webapp/config.py",
        'raise ConfigError(f"The environment variable {name} {error}.") from error',
        "continue",
        "tests/webapp/test_config.py",
    ),
    Protection(
        "rate limit",
        "webapp/rate_limits.py",
        "enabled=settings.ratelimit_enabled,",
        "enabled=False,",
        "tests/webapp/test_rate_limits.py",
    ),
    Protection(
        "machines count together",
        "webapp/rate_limits.py",
        'storage_uri=settings.redis_url or "memory://",',
        'storage_uri="memory://",',
        "tests/webapp/test_rate_limits.py",
    ),
    Protection(
        "Redis may go away",
        "webapp/rate_limits.py",
        "in_memory_fallback_enabled=True,",
        "in_memory_fallback_enabled=False,",
        "tests/webapp/test_rate_limits.py",
    ),
    Protection(
        "the queue has an end",
        "webapp/waiting_room.py",
        "if len(self._queue) >= self._places:",
        "if False:",
        "tests/webapp/test_waiting_room.py",
    ),
    Protection(
        "few photos at once",
        "webapp/waiting_room.py",
        "if self._desks > 0:",
        "if True:",
        "tests/webapp/test_waiting_room.py",
    ),
    Protection(
        "stalled uploads hold no thread",
        "gunicorn.conf.py",
        'worker_class = "webapp.worker.CollectingWorker"',
        'worker_class = "gthread"',
        "tests/webapp/test_worker.py",
    ),
    Protection(
        "stalled uploads are cut off",
        "webapp/worker.py",
        "if now - arrival.latest > patience or now - arrival.started > self.upload_seconds:",
        "if False:",
        "tests/webapp/test_worker.py",
    ),
    Protection(
        "a body's deadline",
        "webapp/worker.py",
        " or now - arrival.started > self.upload_seconds:",
        ":",
        "tests/webapp/test_worker.py",
    ),
    Protection(
        "headers without end",
        "webapp/worker.py",
        "if len(arrival.data) > HEAD_LIMIT and not 0 < arrival.head <= HEAD_LIMIT:",
        "if False:",
        "tests/webapp/test_worker.py",
    ),
    Protection(
        "limit on held uploads",
        "webapp/worker.py",
        "elif self.held > HELD_PHOTOS * self.body_limit:",
        "elif False:",
        "tests/webapp/test_worker.py",
    ),
    Protection(
        "files that the contract does not name",
        "webapp/bundle.py",
        "if sha256 != expected.sha256:",
        "if False:",
        "tests/webapp/test_bundle.py",
    ),
    Protection(
        "the golden answer",
        "webapp/health.py",
        'return "ok" if agrees(prediction, recorded) else "differs"',
        'return "ok"',
        "tests/webapp/test_health.py",
    ),
    Protection(
        "keys of the API",
        "webapp/api.py",
        "    require_key()\n    photos",
        "    photos",
        "tests/webapp/test_api.py",
    ),
    Protection(
        "photos in one request",
        "webapp/api_question.py",
        "MAX_PHOTOS: Final = 16",
        "MAX_PHOTOS: Final = 17",
        "tests/webapp/test_api.py",
    ),
    Protection(
        "packages by hash",
        "Makefile",
        "--require-hashes -r requirements.txt\n\ttouch",
        "-r requirements.txt\n\ttouch",
        "tests/test_requirements.py",
    ),
)


def main() -> int:
    """Takes out the protections whose names contain what is asked for; all of them without it.

    Returns:
        The number of protections that nobody missed.
    """
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("name", nargs="?", default="", help="part of a name")
    asked = parser.parse_args().name
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "copy"
        copy_tracked_files(copy)
        chosen = [protection for protection in PROTECTIONS if asked in protection.name]
        for tests in {protection.tests for protection in chosen}:
            if failed := first_failure(tests, copy):
                raise SystemExit(f"{failed} fails while everything is there, so it proves nothing")
        missed = [protection.name for protection in chosen if not notice(protection, copy)]
    print(f"not missed: {', '.join(missed)}" if missed else "each protection is missed by a test")
    return len(missed)


def copy_tracked_files(copy: Path) -> None:
    """Copies what git knows, as it lies in the folder now."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True)
    for name in filter(None, listed.stdout.split("\0")):
        target = copy / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, target)


def notice(protection: Protection, copy: Path) -> bool:
    """Takes a protection out of the copy, runs its tests and puts it back; returns whether one failed."""
    file = copy / protection.file
    whole = file.read_text(encoding="utf-8")
    if whole.count(protection.code) != 1:
        raise SystemExit(f"{protection.name}: {protection.file} does not hold its code exactly once")
    file.write_text(whole.replace(protection.code, protection.without), encoding="utf-8")
    try:
        failed = first_failure(protection.tests, copy)
    finally:
        file.write_text(whole, encoding="utf-8")
    print(
        f"{protection.name}: missed by {failed}" if failed else f"NOT MISSED: {protection.name}", flush=True
    )
    return failed is not None


def first_failure(tests: str, copy: Path) -> str | None:
    """Runs tests of the copy until one fails.

    Returns:
        That test's name, or ``None``.

    Raises:
        SystemExit: They could not be run, which proves nothing.
    """
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *tests.split()]
    done = subprocess.run(command, cwd=copy, capture_output=True, text=True, check=False)
    if done.returncode == 0:
        return None
    failure = re.search(r"^(?:FAILED|ERROR) (tests/\S+)", done.stdout, re.MULTILINE)
    if done.returncode != 1 or failure is None:
        raise SystemExit(f"{tests} could not be run:\n{done.stdout}{done.stderr}")
    return failure[1]


if __name__ == "__main__":
    sys.exit(main())
