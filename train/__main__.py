"""``python -m train STEP``: from the official images to the bundle that the web app serves."""

import argparse
import dataclasses
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

# Set before TensorFlow is imported: its start-up chatter buries the progress bars.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from train.datasets import split as splits
from train.datasets.dataset import DatasetError, Subset, open_collection
from train.datasets.download import DownloadError
from webapp.model.bundle import BundleError

EPILOG = """\
The steps in order, each reading what the one before it wrote:

  download    fetch HAM10000 from Harvard Dataverse (3 GB) into --to
  split       write the lesion-disjoint split; the committed one is used as it is
  fit         train a network into --run; --resume goes on after an interruption
  average     mean of the weights of runs that differ in their seed (not part of "all")
  calibrate   choose temperature, weights and thresholds on validation
  export      write the served graph (Keras and LiteRT) and its contract into --bundle
  evaluate    measure the bundle on the test parts, once a release, into its metrics.json
  leak        show what a split by image would have claimed (an aside, not part of "all")
  report      render README's table, the model card and the pictures from metrics.json
  all         split (if there is none yet), fit, calibrate, export, evaluate, report

example: a network from the start
  python -m train download --to data/ham10000
  python -m train all --data data/ham10000 --run runs/lite0 --bundle webapp/bundle
"""

# What a command line may say of a recipe.
GIVEN = (
    "stages",
    "seed",
    "batch_size",
    "learning_rate",
    "drop_connect",
    "deterministic",
    "teacher_share",
    "extra_share",
    "frozen_stages",
    "mixup",
)
EXTRA_NAMES = {
    "isic2017": "ISIC 2017 challenge (arXiv:1710.05006)",
    "isic_archive_melanoma": "ISIC archive (melanoma against harmless)",
}
FEWEST_EXTRA = 8  # every fourth photo of a collection chooses limits
LEAK = Path(__file__).parent / "steps" / "leak.json"
FAILURES = (DatasetError, DownloadError, splits.SplitError, BundleError)


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one step.

    Returns:
        0, or 1 after an expected failure, whose sentence is then on standard error.
    """
    arguments = _parser().parse_args(argv)
    try:
        arguments.step(arguments)
    except _failures() as error:
        print(f"train: {error}", file=sys.stderr)
        return 1
    return 0


def _failures() -> tuple[type[Exception], ...]:
    """Returns the expected failures. TensorFlow takes seconds to import, so only a failure waits for it."""
    failures = list(FAILURES)
    if "train.steps.fit" in sys.modules:
        from train.steps.fit import FitError

        failures.append(FitError)
    if "train.steps.export" in sys.modules:
        from train.steps.export import ExportError

        failures.append(ExportError)
    return tuple(failures)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m train",
        description="Trains, calibrates, exports and measures the network.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    steps = parser.add_subparsers(title="steps", metavar="STEP", required=True)

    data = argparse.ArgumentParser(add_help=False)
    data.add_argument(
        "--data",
        type=Path,
        default=Path("data/ham10000"),
        help="HAM10000: the official folder, or a zip with labels.csv (default: %(default)s)",
    )
    data.add_argument(
        "--split-file",
        type=Path,
        default=splits.HAM10000.file,
        help="the lesion-disjoint split (default: the committed one)",
    )
    others = argparse.ArgumentParser(add_help=False)
    others.add_argument("--phone", type=Path, help="PAD-UFES-20: smartphone photos, split by patient")
    others.add_argument(
        "--phone-split-file",
        type=Path,
        default=splits.PHONE.file,
        help="their split by patient (default: the committed one)",
    )
    others.add_argument("--natural", type=Path, help="everyday photos that show no lesion")
    others.add_argument("--masks", type=Path, help="outlines of HAM10000's lesions, a zip of PNGs")
    others.add_argument(
        "--extra",
        type=Path,
        nargs="+",
        default=[],
        help="other collections to learn from, but for the part of ISIC 2017 that only measures; without a "
        "diagnosis, fit needs a teacher for them",
    )
    run = argparse.ArgumentParser(add_help=False)
    run.add_argument("--run", type=Path, required=True, help="the run's folder")
    bundle = argparse.ArgumentParser(add_help=False)
    bundle.add_argument(
        "--bundle",
        type=Path,
        default=Path("webapp/bundle"),
        help="the bundle's folder (default: %(default)s)",
    )

    step = steps.add_parser("download", help="fetch HAM10000 from Harvard Dataverse")
    step.add_argument("--to", type=Path, default=Path("data/ham10000"), help="folder (default: %(default)s)")
    step.set_defaults(step=_download)

    step = steps.add_parser("split", parents=[data], help="write the lesion-disjoint split")
    step.set_defaults(step=_split)

    fit = argparse.ArgumentParser(add_help=False)
    _add_recipe(fit)
    step = steps.add_parser("fit", parents=[data, run, fit, others], help="train a network")
    step.set_defaults(step=_fit)

    step = steps.add_parser(
        "average",
        parents=[run],
        help="average the weights of runs that began with the same network",
        description="Averages the weights of finished runs of one last stage, which differ in their seed, "
        "into a run of its own, to be calibrated and exported like any other.",
    )
    step.add_argument("--runs", type=Path, nargs="+", required=True, help="their folders")
    step.set_defaults(step=_average)

    calibrate = argparse.ArgumentParser(add_help=False)
    calibrate.add_argument(
        "--size", type=int, default=192, help="side of the served input in pixels (default: %(default)s)"
    )
    calibrate.add_argument(
        "--views",
        type=int,
        choices=(1, 2, 4, 8),
        default=2,
        help="turned and mirrored views averaged in the graph (default: %(default)s)",
    )
    step = steps.add_parser("calibrate", parents=[data, run, others, calibrate], help="choose on validation")
    step.set_defaults(step=_calibrate)

    export = argparse.ArgumentParser(add_help=False)
    export.add_argument("--version", default="0.0.0", help="the bundle's version (default: %(default)s)")
    export.add_argument(
        "--half",
        action="store_true",
        help="keep model.tflite's weights as 16-bit floats, and let model.keras compute with the same; fails "
        "where that changes more than 0.5 %% of the verdicts on validation",
    )
    step = steps.add_parser("export", parents=[data, run, others, bundle, export], help="write the bundle")
    step.set_defaults(step=_export)

    evaluate = argparse.ArgumentParser(add_help=False)
    evaluate.add_argument(
        "--baseline-run", type=Path, help="a finished run of --model seed-cnn to stand beside"
    )
    evaluate.add_argument(
        "--isic2018", type=Path, help="the official ISIC 2018 Task 3 validation images, another test"
    )
    evaluate.add_argument(
        "--isic2017", type=Path, help="the ISIC 2017 images, of which 35 %% are kept out of every training"
    )
    evaluate.add_argument(
        "--robustness-images",
        type=int,
        default=500,
        help="test photos, drawn by a fixed seed, that are turned, darkened, blurred and looked at again, "
        "15 times each; 0 leaves this out (default: %(default)s)",
    )
    evaluate.add_argument(
        "--dermoscopy-bundle",
        type=Path,
        help="an earlier release that learned from no phone photos, whose figures on them stand beside",
    )
    evaluate.add_argument(
        "--earlier",
        type=Path,
        help="metrics.json of an earlier release: without --baseline-run its figures of --model seed-cnn, "
        "and without --run, or with --continues, its training",
    )
    evaluate.add_argument(
        "--continues", action="store_true", help="--run went on from the release of --earlier"
    )
    evaluate.add_argument(
        "--seed-runs",
        type=Path,
        nargs="+",
        default=(),
        help="runs of the last training stage that differ in their seed alone, for the spread between seeds",
    )
    evaluate.add_argument(
        "--resamples",
        type=int,
        default=1000,
        help="how often the bootstrap of the intervals draws (default: %(default)s)",
    )
    step = steps.add_parser(
        "evaluate",
        parents=[data, bundle, others, evaluate],
        help="measure on the tests",
        description="Measures the bundle on the test parts and writes its metrics.json; with --images and "
        "--labels, prints its figures on any labelled photos and writes nothing.",
    )
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
    step.set_defaults(step=_evaluate)

    step = steps.add_parser(
        "leak",
        parents=[data],
        help="show what a split by image would have claimed",
        description="Fits one short recipe twice, on the split by lesion and on one by image, and writes "
        "what each claims into train/steps/leak.json, which the report shows.",
    )
    step.add_argument(
        "--size", type=int, default=160, help="side of the images in pixels (default: %(default)s)"
    )
    step.add_argument("--resamples", type=int, default=1000, help="of the bootstrap (default: %(default)s)")
    step.add_argument(
        "--out", type=Path, default=LEAK, help="the file to write (default: train/steps/leak.json)"
    )
    step.set_defaults(step=_leak)

    report = argparse.ArgumentParser(add_help=False)
    report.add_argument(
        "--readme", type=Path, help="a file whose marked parts are rendered anew (default: none)"
    )
    report.add_argument(
        "--leak", type=Path, default=LEAK, help="what the step leak wrote (default: train/steps/leak.json)"
    )
    step = steps.add_parser("report", parents=[bundle, report], help="render documents from metrics.json")
    step.set_defaults(step=_report)

    step = steps.add_parser(
        "all",
        parents=[data, run, fit, others, calibrate, bundle, export, evaluate, report],
        help="every step from the split to the report",
    )
    step.set_defaults(step=_all)
    return parser


def _add_recipe(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--model",
        choices=("lite0", "lite1", "lite2", "seed-cnn"),
        default="lite0",
        help="EfficientNet-Lite0 to 2, or the 3-layer CNN of the original write-up (default: %(default)s)",
    )
    parser.add_argument(
        "--stages",
        type=_stages,
        metavar="SIZExEPOCHS,…",
        help="crop sizes and their epochs, e.g. 128x8,160x10 (which is the default)",
    )
    parser.add_argument(
        "--seed", type=int, default=0, help="seed of everything random (default: %(default)s)"
    )
    parser.add_argument("--batch-size", type=int, help="images a step")
    parser.add_argument("--learning-rate", type=float, help="peak learning rate")
    parser.add_argument(
        "--drop-connect",
        type=float,
        help="how often the last of the blocks is left out in training (default: 0)",
    )
    parser.add_argument(
        "--start", type=Path, help="a finished network (classifier.keras), or a bundle, to go on from"
    )
    parser.add_argument("--frozen-stages", type=int, help="stages of the backbone that stay as they start")
    parser.add_argument("--extra-share", type=float, help="of the draws (default: 0.25 with --extra)")
    parser.add_argument(
        "--mixup", type=float, help="mix images in pairs, each share from Beta(MIXUP, MIXUP) (default: none)"
    )
    parser.add_argument(
        "--teacher",
        type=Path,
        nargs="+",
        default=[],
        metavar="BUNDLE",
        help="bundles whose answers, averaged, teach too",
    )
    parser.add_argument(
        "--teacher-share",
        type=float,
        help="of each target, the rest is the label (default: 0.5 with --teacher)",
    )
    parser.add_argument("--resume", action="store_true", help="go on from the run's last checkpoint")
    parser.add_argument(
        "--deterministic", action="store_true", help="the same weights from the same seed (slower)"
    )
    parser.add_argument(
        "--strategy",
        choices=("single", "mirrored"),
        default="single",
        help="mirrored: split each batch over all GPUs of this machine (default: %(default)s)",
    )
    parser.add_argument("--no-pretrained", action="store_true", help="start from random weights")


def _stages(text: str) -> tuple[tuple[int, int], ...]:
    try:
        pairs = [part.split("x") for part in text.split(",")]
        return tuple((int(size), int(epochs)) for size, epochs in pairs)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} does not look like 128x8,160x10") from None


def _aspect(text: str) -> float:
    width, _, height = text.partition(":")
    try:
        aspect = float(width) / float(height)
    except (ValueError, ZeroDivisionError):
        raise argparse.ArgumentTypeError(f"{text!r} does not look like 4:3") from None
    if not 0 < aspect < 10:
        raise argparse.ArgumentTypeError(f"{text!r} is no shape of a photo")
    return aspect


def _download(arguments: argparse.Namespace) -> None:
    from train.datasets.download import download

    print(f"HAM10000 is in {download(arguments.to)}")


def _split(arguments: argparse.Namespace) -> None:
    text = splits.format_split(splits.make_split(open_collection(arguments.data).records))
    file: Path = arguments.split_file
    if file.is_file() and file.read_text(encoding="utf-8") != text:
        raise splits.SplitError(f"{file} holds another split already; name another file with --split-file")
    file.write_text(text, encoding="utf-8")
    print(f"the split is in {file}")


def _part(arguments: argparse.Namespace, part: splits.Part) -> Subset:
    parts = splits.read_split(splits.HAM10000, arguments.split_file)
    return splits.select(open_collection(arguments.data), parts, part)


def _phone(arguments: argparse.Namespace, part: splits.Part) -> Subset | None:
    if arguments.phone is None:
        return None
    parts = splits.read_split(splits.PHONE, arguments.phone_split_file)
    return splits.select(open_collection(arguments.phone), parts, part, splits.PHONE)


def _extra(arguments: argparse.Namespace) -> list[Subset]:
    subsets = [splits.unseen_part(open_collection(each))[0] for each in arguments.extra]
    for subset in subsets:
        if len(subset.records) < FEWEST_EXTRA:
            raise DatasetError(f"{subset.collection.name}: fewer than {FEWEST_EXTRA} photos to learn from")
    return subsets


def _natural(arguments: argparse.Namespace, offset: int) -> Subset | None:
    """Every other everyday photo: those at 0 choose the limit, those at 1 measure it."""
    if arguments.natural is None:
        return None
    collection = open_collection(arguments.natural)
    return Subset(collection, collection.records[offset::2])


def _fit(arguments: argparse.Namespace) -> None:
    from train.steps.fit import SEED_CNN, SEED_CNN_RECIPE, Recipe, fit

    recipe = SEED_CNN_RECIPE if arguments.model == SEED_CNN else Recipe(model=arguments.model)
    given = {name: getattr(arguments, name) for name in GIVEN if getattr(arguments, name) is not None}
    if arguments.teacher:
        given.setdefault("teacher_share", 0.5)
    if arguments.extra:
        given.setdefault("extra_share", 0.25)
    finished = fit(
        _part(arguments, "train"),
        _part(arguments, "val"),
        dataclasses.replace(recipe, **given),
        arguments.run,
        phone=_phone(arguments, "train"),
        resume=arguments.resume,
        start=arguments.start,
        extra=_extra(arguments),
        teachers=arguments.teacher,
        pretrained=not arguments.no_pretrained,
        strategy=arguments.strategy,
    )
    print(f"the network is in {finished}")


def _average(arguments: argparse.Namespace) -> None:
    from train.steps.average import average

    print(f"the network is in {average(arguments.runs, arguments.run)}")


def _calibrate(arguments: argparse.Namespace) -> None:
    from train.datasets.masks import open_masks
    from train.steps.calibrate import calibrate
    from train.steps.fit_heads import PhotoSets

    others = PhotoSets(
        _phone(arguments, "train"),
        _phone(arguments, "val"),
        _natural(arguments, 0),
        open_masks(arguments.masks) if arguments.masks else None,
        tuple(_extra(arguments)),
    )
    balance = json.loads((arguments.run / "run.json").read_text(encoding="utf-8"))["recipe"]["balance"]
    choices = calibrate(
        arguments.run,
        _part(arguments, "train"),
        _part(arguments, "val"),
        balance,
        arguments.size,
        arguments.views,
        others,
    )
    print(json.dumps(dataclasses.asdict(choices), indent=2))


def _export(arguments: argparse.Namespace) -> None:
    from train.steps.export import export

    half_for = _part(arguments, "val") if arguments.half else None
    export(arguments.run, arguments.bundle, arguments.version, _training_data(arguments), half_for)
    print(f"the bundle is in {arguments.bundle}")


def _training_data(arguments: argparse.Namespace) -> list[str]:
    from train.steps.fit_heads import MOST_OF_ANOTHER

    ham = _part(arguments, "train")
    learned = [f"HAM10000 (doi:10.7910/DVN/DBW86T), training part of the split, {len(ham.records):,} images"]
    if phone := _phone(arguments, "train"):
        learned.append(
            f"PAD-UFES-20 (doi:10.17632/zr7vgbcyr2.1), training patients, {len(phone.records)} photos"
        )
    about = json.loads((arguments.run / "run.json").read_text(encoding="utf-8"))
    for extra in _extra(arguments):
        name = EXTRA_NAMES.get(extra.collection.name, extra.collection.name)
        if about["recipe"].get("extra_share"):
            known = sum(record.dx is not None for record in extra.records)
            use = f"{known:,} of them with a diagnosis"
        else:
            use = (
                f"at most {MOST_OF_ANOTHER:,} of them, to tell kinds of photo apart and to refuse what is no "
                "spot, not for the diagnosis"
            )
        learned.append(f"{name}, {len(extra.records):,} images, {use}")
    if natural := _natural(arguments, 0):
        learned.append(f"{len(natural.records)} everyday photos without a spot, to refuse such photos")
    return learned


def _evaluate(arguments: argparse.Namespace) -> None:
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
        test=_part(arguments, "test"),
        phone=_phone(arguments, "test"),
        natural=_natural(arguments, 1),
        isic2018=Subset(isic2018, isic2018.records) if isic2018 else None,
        isic2017=isic2017,
        baseline_run=arguments.baseline_run,
        runs=[arguments.run] if isinstance(arguments.run, Path) else arguments.run or (),
        seed_runs=arguments.seed_runs,
        dermoscopy_bundle=arguments.dermoscopy_bundle,
        earlier=json.loads(arguments.earlier.read_text(encoding="utf-8")) if arguments.earlier else None,
        continues=arguments.continues,
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


def _leak(arguments: argparse.Namespace) -> None:
    from train.steps.leak import leak, write_leak

    parts = splits.read_split(splits.HAM10000, arguments.split_file)
    found = leak(open_collection(arguments.data), parts, arguments.size, arguments.resamples)
    write_leak(found, arguments.out)
    for name in ("by_lesion", "by_image"):
        accuracy, balanced = (found[name][key]["value"] for key in ("accuracy", "balanced_accuracy"))
        print(f"split {name.replace('_', ' ')}: accuracy {accuracy:.3f}, balanced accuracy {balanced:.3f}")
    print(f"the comparison is in {arguments.out}")


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


def _report(arguments: argparse.Namespace) -> None:
    from train.report.documents import report

    report(arguments.bundle, arguments.readme, arguments.leak)


def _all(arguments: argparse.Namespace) -> None:
    if not arguments.split_file.is_file():
        _split(arguments)
    for step in (_fit, _calibrate, _export, _evaluate, _report):
        step(arguments)


if __name__ == "__main__":
    sys.exit(main())
