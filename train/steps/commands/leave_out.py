"""``python -m train leave-out``."""

import argparse
import dataclasses
import json
from pathlib import Path
from typing import TYPE_CHECKING

from train.datasets.split import unseen_part
from train.steps.commands import fit
from train.steps.commands.arguments import (
    Steps,
    add_data,
    add_extra,
    add_phone,
    extra_collections,
    part_of,
    phone_part,
)

if TYPE_CHECKING:
    from train.steps.leave_out import Clinic


def add_parser(steps: Steps) -> None:
    step = steps.add_parser(
        "leave-out",
        help="how good teachers and students are at a clinic of which they have seen nothing",
        description="Leaves each collection in turn out of what teaches, fits teachers and trains a student "
        "by a short recipe, and asks them about it. Recipes are chosen by these figures and validation "
        "together. Three collections and --stages 128x3 of Lite0 took an hour on two shared cores; a run "
        "that was interrupted goes on where it was.",
    )
    add_data(step)
    add_phone(step)
    add_extra(step)
    fit.add_way(step)
    step.add_argument(
        "--start", type=Path, help="a finished network to begin with instead of ImageNet's weights"
    )
    step.add_argument(
        "--start-saw",
        nargs="+",
        default=(),
        metavar="NAME",
        help="the collections that taught it; where one of them is left out, training begins with ImageNet's",
    )
    step.add_argument("--features", type=Path, required=True, help="the folder that embed wrote")
    step.add_argument("--run", type=Path, required=True, help="the folder for the runs, one a collection")
    step.add_argument(
        "--only", nargs="+", default=(), metavar="NAME", help="names of collections (or: everything)"
    )
    step.add_argument(
        "--out", type=Path, required=True, help="the JSON file for the figures, which evaluate takes"
    )
    step.add_argument("--bundle", type=Path, help="a bundle whose metrics.json takes them, too")
    step.add_argument("--resamples", type=int, default=1000, help="of the bootstrap (default: %(default)s)")
    step.set_defaults(step=run)


def run(arguments: argparse.Namespace) -> None:
    from train.evaluation.metrics import METRICS, rounded
    from train.steps.evaluate import write_metrics
    from train.steps.leave_out import Start, left_out_students
    from train.steps.left_out import Held, left_out_figures
    from train.steps.teach import read_features

    clinics, features = _clinics(arguments), read_features(arguments.features)
    recipe = fit.recipe_of(arguments, taught=True)
    held = {
        clinic.name: Held(clinic.teaching.records, clinic.asked.records)
        for clinic in clinics
        if clinic.has_diagnoses
    }
    teachers = left_out_figures(held, features, arguments.resamples)
    start = Start(arguments.start, frozenset(arguments.start_saw)) if arguments.start else None
    students = left_out_students(
        clinics, features, recipe, arguments.run, arguments.only, start, arguments.resamples
    )
    figures = rounded(
        {
            "recipe": json.loads(json.dumps(dataclasses.asdict(recipe)))
            | {"start_saw": list(arguments.start_saw) if arguments.start else []},
            "teacher": teachers,
            "student": students,
        }
    )
    arguments.out.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    if arguments.bundle:
        metrics = json.loads((arguments.bundle / METRICS).read_text(encoding="utf-8"))
        write_metrics(arguments.bundle, metrics | {"left_out": figures})
    for name, found in students.items():
        for key in ("with_it", "without_it"):
            if key in found:
                row = ", ".join(f"{figure} {each['value']:.3f}" for figure, each in found[key].items())
                print(f"{name} ({found['photos']} photos), student {key.replace('_', ' ')}: {row}")


def _clinics(arguments: argparse.Namespace) -> "list[Clinic]":
    from train.steps.leave_out import Clinic

    home = part_of(arguments, "train"), part_of(arguments, "val")
    clinics = [Clinic(home[0].collection.name, *home)]
    phone, asked = phone_part(arguments, "train"), phone_part(arguments, "val")
    if phone and asked:
        clinics.append(Clinic(phone.collection.name, phone, asked, phone=True))
    for teaching in extra_collections(arguments):
        unseen = unseen_part(teaching.collection)[1]
        clinics.append(Clinic(teaching.collection.name, teaching, unseen if unseen.records else teaching))
    return clinics
