"""Where the time of one answer goes inside this app: ``python -m benchmarks.stages``."""

import json
import runpy
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final

from flask import render_template

from benchmarks.pictures import picture_sets
from webapp import create_app
from webapp.answer.assessment import Answers, assess, find_reasons
from webapp.answer.details import NO_DETAILS
from webapp.config import Settings
from webapp.model.predictor import Predictor, current_predictor, read_outputs
from webapp.photo import overlay
from webapp.photo.imaging import centre_square, correct_exposure, decode, model_input
from webapp.photo.quality import measure_quality
from webapp.site import pages
from webapp.site.forms import PhotoForm
from webapp.site.result import result_page

ROOT: Final = Path(__file__).parents[1]
STAGES: Final = ("decode", "resize", "model", "gate", "photo and heat map", "render")


def main() -> int:
    """Prints milliseconds a stage, the median of many runs, as JSON."""
    repeats = int(sys.argv[1]) if len(sys.argv) > 1 else 30
    gunicorn = runpy.run_path(str(ROOT / "gunicorn.conf.py"))
    gunicorn["post_fork"](None, None)  # memory is handed out as in a worker
    app = create_app(Settings(secret_key="only for the benchmark"))
    gunicorn["post_worker_init"](SimpleNamespace(wsgi=app))
    with app.test_request_context("/"):
        figures = {name: measure(photos[0], repeats) for name, photos in picture_sets().items()}
    print(json.dumps(figures))
    return 0


def measure(photo: bytes, repeats: int) -> dict[str, float]:
    """Returns the median milliseconds of each stage and of the whole answer but the model."""
    predictor = current_predictor()
    runs = [answer(predictor, photo) for _ in range(repeats + 2)][2:]  # the first fill caches
    medians = {stage: round(statistics.median(run[stage] for run in runs), 2) for stage in STAGES}
    rest = [sum(time for stage, time in run.items() if stage != "model") for run in runs]
    return medians | {"all but the model": round(statistics.median(rest), 2)}


def answer(predictor: Predictor, data: bytes) -> dict[str, float]:
    """Answers as the app does, step by step. Returns milliseconds a stage."""
    times: dict[str, float] = {}

    def timed(stage: str, work: Callable[[], Any]) -> Any:
        begin = time.perf_counter()
        result = work()
        times[stage] = times.get(stage, 0) + 1000 * (time.perf_counter() - begin)
        return result

    contract = predictor.bundle.contract
    photo = timed("decode", lambda: decode(data))
    pixels = timed("resize", lambda: model_input(photo.image, contract.input.size))
    quality = timed("gate", lambda: measure_quality(pixels))
    dark = contract.input.corrects_exposure
    seen = timed("resize", lambda: correct_exposure(pixels, quality.brightness) if dark else pixels)
    outputs = timed("model", lambda: predictor.run(seen[None]))

    def gate() -> Any:
        prediction = replace(read_outputs(outputs, contract), quality=quality)
        reasons = find_reasons(photo.size, min(photo.size), prediction, contract.gate)
        return assess(prediction, contract.operating_point(prediction.phone), reasons, Answers())

    assessment = timed("gate", gate)
    shown = photo.image, centre_square(*photo.image.size)
    activation = assessment.prediction.activation_map
    timed("photo and heat map", lambda: (overlay.shown_photo(*shown), overlay.heat_map(activation)))
    pictures = times["photo and heat map"]

    def render() -> str:
        page = result_page(assessment, photo, Answers(), NO_DETAILS, predictor.bundle)
        return render_template("result.html", form=PhotoForm(), page=page, spot_words=pages.spots_page())

    timed("render", render)
    times["render"] = max(0.0, times["render"] - pictures)  # the page has drawn its pictures once more
    return times


if __name__ == "__main__":
    sys.exit(main())
