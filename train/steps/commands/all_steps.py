"""``python -m train all``: the other steps, one after the other."""

import argparse

from train.steps.commands import calibrate, evaluate, export, fit, report, split
from train.steps.commands.arguments import Steps, add_bundle, add_data, add_others, add_run


def add_parser(steps: Steps) -> None:
    step = steps.add_parser("all", help="every step from the split to the report")
    add_data(step)
    add_run(step)
    fit.add_recipe(step)
    add_others(step)
    calibrate.add_arguments(step)
    add_bundle(step)
    export.add_arguments(step)
    evaluate.add_arguments(step)
    report.add_arguments(step)
    step.set_defaults(step=run)


def run(arguments: argparse.Namespace) -> None:
    if not arguments.split_file.is_file():
        split.run(arguments)
    for step in (fit, calibrate, export, evaluate, report):
        step.run(arguments)
