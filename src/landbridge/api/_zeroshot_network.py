"""A network trained on training classes alone, where a zero-shot comparison does not start from a trained one."""

from pathlib import Path

import torch

from landbridge.api._recipe import Machine, Recipe
from landbridge.data.batches import seed_of
from landbridge.data.domain import View
from landbridge.finetuning.finetune import FineTune
from landbridge.nn.backbones import Backbone
from landbridge.nn.heads import Head
from landbridge.nn.models import Classifier
from landbridge.runs import Result, Run
from landbridge.training.method import Setup

BATCH, RATE = 64, 0.05
"""Of the training: examples a step, and the learning rate at its start."""


def trained_on(folder: Path, backbone: Backbone, shown: View, steps: int, machine: Machine) -> Backbone:
    """Train a backbone to tell training classes apart; a finished run is read, an unfinished one goes on.

    Args:
        folder: of the run.
        backbone: where it starts from.
        shown: examples of the training classes, which are all that it has.
        steps: batches.
        machine: on what.

    Returns:
        The trained backbone.
    """
    config = {"backbone": backbone.name, "domain": shown.domain, "seen": list(shown.classes), "steps": steps}
    run = Run(folder, config)
    if run.finished:
        return Classifier.load(folder, backbone.name).backbone
    recipe = Recipe(backbone=backbone.name, steps=steps, batch_size=min(BATCH, len(shown)), rate=RATE)
    torch.manual_seed(seed_of(recipe.seed, "method"))
    head = Head(backbone.width, backbone.head_hidden, len(shown.classes))
    method = FineTune(Setup(backbone, head, shown.classes, {"target": len(shown)}, RATE), batch_norm="train")
    fabric = machine.fabric(recipe.precision, folder)
    title = f"training on {len(shown.classes)} classes"
    trainer = recipe.train(method, {"target": shown}, run, fabric, machine, title=title)
    model = method.model().eval()
    model.save(folder / "model")
    run.finish(
        Result(
            method="full",
            source=None,
            target=shown.domain,
            backbone=backbone.name,
            protocol="all labels",
            selection="last",
            seed=recipe.seed,
            steps=steps,
            device=str(fabric.device),
            train_seconds=round(trainer.seconds, 2),
            metrics={"labels": len(shown)},
            settings={"rate": RATE, "batch_size": recipe.batch_size, "classes": list(shown.classes)},
        )
    )
    run.drop_checkpoint()
    return model.backbone.cpu()
