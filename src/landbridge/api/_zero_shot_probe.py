"""What a dual encoder tells apart without having been taught: before it is tuned, and after."""

import torch

from landbridge.api._recipe import ready_domain
from landbridge.core.errors import BadDataError
from landbridge.data.captions import Captions
from landbridge.data.domain import Examples, View
from landbridge.evaluation.metrics import score
from landbridge.nn.dual_encoder import DualEncoder
from landbridge.vision_language.looks import embedded_images
from landbridge.vision_language.prompts import Prompts
from landbridge.vision_language.zero_shot_head import class_weights

USUAL_PROBE = "shapes"
"""Coloured shapes, rendered: what a model that knew something is asked about where the captions have no classes."""


def probe_domain(name: str, root: str | None, size: tuple[int, int] | None, unreadable: float) -> View:
    """The test part of a domain, labels sealed.

    Args:
        name: of the domain.
        root: folder of the data sets.
        size: what the images are read at, (height, width).
        unreadable: share of them that may be unreadable.

    Raises:
        LandbridgeError: there is no such domain, or it has no test part or no names of classes.
    """
    domain = ready_domain(name, root, size, False, unreadable)
    if "test" not in domain.splits or not domain.classes:
        raise BadDataError(f"--probe {name}: it needs a test part and names of classes")
    return domain.unlabelled("test")


def own_classes(test: Captions | None) -> View | None:
    """Test images with their classes, labels sealed; None where fewer than two classes are known."""
    if test is None or test.classes is None or not test.class_names:
        return None
    present = test.classes.unique()
    names = [test.class_names[number] for number in present.tolist()]
    if len(names) < 2:
        return None
    labels = torch.searchsorted(present, test.classes)
    return View(test.name, "test", names, Examples(test.images, labels), torch.arange(len(labels)), shown=False)


def zero_shot_accuracy(model: DualEncoder, view: View, template: str) -> float | None:
    """The share of a view's images whose class's prompt lies nearest; its labels are opened for it."""
    weights = class_weights(model, Prompts.of(view.classes, (template,)))
    return score(embedded_images(model, view.x.pick(view.index)) @ weights.T, view).accuracy
