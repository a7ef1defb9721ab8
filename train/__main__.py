"""``python -m train STEP``: from the official images to the bundle that the web app serves."""

import argparse
import os
import sys
from collections.abc import Sequence

# Set before TensorFlow is imported: its start-up chatter buries the progress bars.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from train.datasets.dataset import DatasetError
from train.datasets.download import DownloadError
from train.datasets.split import SplitError
from train.steps.commands import (
    all_steps,
    average,
    calibrate,
    copies,
    download,
    embed,
    evaluate,
    export,
    fine_tune,
    fit,
    leak,
    leave_out,
    report,
    split,
    teach,
)
from train.steps.failures import ExportError, FitError
from webapp.model.bundle import BundleError

EPILOG = """\
The steps in order, each reading what the one before it wrote:

  download    fetch HAM10000 from Harvard Dataverse (3 GB) into --to
  split       write the lesion-disjoint split; the committed one is used as it is
  copies      pictures under two names, of which none may teach and measure; the committed list is used
  embed       features of every photo by a large frozen network (needs PyTorch, see train/README.md)
  teach       what teachers say of photos that they had not seen: fit's --targets, which are committed
  fine-tune   teachers whose own last layers learn, --together-with those of teach: the committed targets
  leave-out   how good teachers and students are at a clinic of which they have seen nothing: what a recipe is
              chosen by, beside validation (an hour; not part of "all")
  fit         train a network into --run; --resume goes on after an interruption
  average     mean of the weights of runs that differ in their seed (not part of "all")
  calibrate   choose temperature, weights and thresholds on validation
  export      write the served graph (Keras and LiteRT) and its contract into --bundle
  evaluate    measure the bundle on the test parts, once a release, into its metrics.json
  leak        show what a split by image would have claimed (an aside, not part of "all")
  report      render README's table, the model card and the pictures from metrics.json
  all         split (if there is none yet), fit, calibrate, export, evaluate, report

example: the student of the committed targets (train/README.md has what made these)
  python -m train fit --data ham10000.zip --phone pad_ufes_20.zip --extra isic2017.zip \\
    --targets train/datasets/targets.npz --model lite2 --frozen-stages 3 --run runs/student
example: a network from the start
  python -m train download --to data/ham10000
  python -m train all --data data/ham10000 --run runs/lite0 --bundle runs/bundle
"""

STEPS = (
    download,
    split,
    copies,
    embed,
    teach,
    fine_tune,
    fit,
    average,
    calibrate,
    export,
    evaluate,
    leave_out,
    leak,
    report,
    all_steps,
)
FAILURES = (DatasetError, DownloadError, SplitError, BundleError, FitError, ExportError)


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one step.

    Returns:
        0, or 1 after an expected failure, whose sentence is then on standard error.
    """
    arguments = build_parser().parse_args(argv)
    try:
        arguments.step(arguments)
    except FAILURES as error:
        print(f"train: {error}", file=sys.stderr)
        return 1
    return 0


def build_parser() -> argparse.ArgumentParser:
    """Returns the command line, to which each step has added its own."""
    parser = argparse.ArgumentParser(
        prog="python -m train",
        description="Trains, calibrates, exports and measures the network.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    steps = parser.add_subparsers(title="steps", metavar="STEP", required=True)
    for step in STEPS:
        step.add_parser(steps)
    return parser


if __name__ == "__main__":
    sys.exit(main())
