"""``python -m train evaluate``: the figures of a release, or of any labelled photos."""

import argparse
import json
from pathlib import Path

from train.datasets import split as splits
from train.datasets.dataset import DatasetError, Subset, open_collection
from train.steps.commands.arguments import (
    Steps,
    add_bundle,
    add_data,
    add_masks,
    add_phone,
    add_refused,
    everyday_photos,
    nail_photos,
    part_of,
    phone_part,
)


def add_parser(steps: Steps) -> None:
    step = steps.add_parser(
        "evaluate",
        help="measure on the tests",
        description="Measures the bundle on the test parts and writes its metrics.json; with --images and "
        "--labels, prints its figures on any labelled photos and writes nothing.",
    )
    add_data(step)
    add_bundle(step)
    add_phone(step)
    add_refused(step)
    add_masks(step)
    add_arguments(step)
    step.add_argument(
        "--run",
        type=Path,
        nargs="+",
        help="the folders of the runs that led to the bundle, first to last, for the training curves",
    )
    step.add_argument(
        "--check", action="store_true", help="write nothing; fail where metrics.json has other figures"
    )
    step.add_argument("--images", type=Path, help="a folder of images of your own, with --labels")
    step.add_argument(
        "--labels",
        type=Path,
        help="their labels: a CSV file with a column image or image_id and with dx, with malignant, or with "
        "one column a class (MEL, NV, BCC, AKIEC, BKL, DF, VASC; the official ISIC files)",
    )
    step.add_argument(
        "--aspect", type=_aspect, metavar="W:H", help="true shape of images that were squashed, e.g. 4:3"
    )
    step.add_argument(
        "--format", choices=("text", "json"), default="text", help="of what is printed (default: text)"
    )
    step.set_defaults(step=run)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--baseline-run", type=Path, help="a finished run of --model seed-cnn to stand beside"
    )
    parser.add_argument(
        "--isic2018", type=Path, help="the official ISIC 2018 Task 3 validation images, another test"
    )
    parser.add_argument(
        "--isic2017", type=Path, help="the ISIC 2017 images, of which 35 %% are kept out of every training"
    )
    parser.add_argument(
        "--robustness-images",
        type=int,
        default=500,
        help="test photos, drawn by a fixed seed, that are turned, darkened, blurred and looked at again, "
        "16 times each; 0 leaves this out (default: %(default)s)",
    )
    parser.add_argument(
        "--left-out",
        type=Path,
        help="what leave-out wrote: teachers and students about a collection that taught them nothing",
    )
    parser.add_argument(
        "--dermoscopy-bundle",
        type=Path,
        help="an earlier release that learned from no phone photos, whose figures on them stand beside",
    )
    parser.add_argument(
        "--earlier",
        type=Path,
        help="metrics.json of an earlier release: without --baseline-run its figures of --model seed-cnn, "
        "and without --run, or with --continues, its training",
    )
    parser.add_argument(
        "--continues", action="store_true", help="--run went on from the release of --earlier"
    )
    parser.add_argument(
        "--seed-runs",
        type=Path,
        nargs="+",
        default=(),
        help="runs of the last training stage that differ in their seed alone, for the spread between seeds",
    )
    parser.add_argument(
        "--resamples",
        type=int,
        default=1000,
        help="how often the bootstrap of the intervals draws (default: %(default)s)",
    )


def _aspect(text: str) -> float:
    width, _, height = text.partition(":")
    try:
        aspect = float(width) / float(height)
    except (ValueError, ZeroDivisionError):
        raise argparse.ArgumentTypeError(f"{text!r} does not look like 4:3") from None
    if not 0 < aspect < 10:
        raise argparse.ArgumentTypeError(f"{text!r} is no shape of a photo")
    return aspect


def run(arguments: argparse.Namespace) -> None:
    if getattr(arguments, "images", None) or getattr(arguments, "labels", None):
        _evaluate_outside(arguments)
        return
    from train.datasets.masks import open_masks
    from train.evaluation.metrics import METRICS, rounded
    from train.steps.evaluate import differences, measure, write_metrics

    isic2018 = open_collection(arguments.isic2018) if arguments.isic2018 else None
    isic2017 = splits.unseen_part(open_collection(arguments.isic2017))[1] if arguments.isic2017 else None
    if isic2017 and not isic2017.records:
        raise DatasetError(f"{arguments.isic2017} has no photos of ISIC 2017 that training leaves out")
    metrics = measure(
        arguments.bundle,
        test=part_of(arguments, "test"),
        phone=phone_part(arguments, "test"),
        natural=everyday_photos(arguments, 1),
        nails=nail_photos(arguments, 1),
        isic2018=Subset(isic2018, isic2018.records) if isic2018 else None,
        isic2017=isic2017,
        baseline_run=arguments.baseline_run,
        runs=[arguments.run] if isinstance(arguments.run, Path) else arguments.run or (),
        seed_runs=arguments.seed_runs,
        dermoscopy_bundle=arguments.dermoscopy_bundle,
        earlier=json.loads(arguments.earlier.read_text(encoding="utf-8")) if arguments.earlier else None,
        continues=arguments.continues,
        left_out=json.loads(arguments.left_out.read_text(encoding="utf-8")) if arguments.left_out else None,
        masks=open_masks(arguments.masks) if arguments.masks else None,
        robustness_images=arguments.robustness_images,
        resamples=arguments.resamples,
    )
    file = arguments.bundle / METRICS
    if getattr(arguments, "check", False):
        committed = json.loads(file.read_text(encoding="utf-8"))
        if others := differences(rounded(metrics), committed):
            raise DatasetError(f"{file} has other figures:\n" + "\n".join(others))
        print(f"the figures in {file} are these, but for what was not measured now")
        return
    write_metrics(arguments.bundle, metrics)
    print(f"the figures are in {file}")


def _evaluate_outside(arguments: argparse.Namespace) -> None:
    from train.datasets.labelled import open_labelled
    from train.evaluation.answers import open_served, predict
    from train.evaluation.metrics import rounded
    from train.evaluation.outside import outside_metrics, table

    if not (arguments.images and arguments.labels):
        raise DatasetError("--images and --labels belong together: a folder and a CSV file")
    collection = open_labelled(arguments.images, arguments.labels, arguments.aspect)
    predictor = open_served(arguments.bundle)
    answers = predict(predictor, Subset(collection, collection.records))
    figures = outside_metrics(answers, predictor.bundle.contract, arguments.resamples)
    print(json.dumps(rounded(figures), indent=1) if arguments.format == "json" else table(figures))
