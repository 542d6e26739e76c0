"""DAFormer's ways of training."""

import copy
from typing import Annotated, Any

import torch

from landbridge.core.errors import LandbridgeError, UnknownNameError
from landbridge.core.registry import nearest
from landbridge.data.batches import Batch, Order
from landbridge.data.domain import View
from landbridge.data.rare_classes import RareClasses
from landbridge.losses import feature_distance
from landbridge.nn.batch_norm import normalising_by_batch, running_statistics_kept
from landbridge.nn.pyramid import maps_heard, maps_of
from landbridge.segmentation.base import SegmentationSetup
from landbridge.segmentation.dacs import DACS, SeenMixed
from landbridge.training.method import Losses, Moment
from landbridge.training.options import Range

THINGS = (
    "traffic light", "traffic sign", "sign-symbol", "person", "pedestrian", "rider", "bicyclist", "car", "truck", "bus",
    "train", "motorcycle", "bicycle", "tuk-tuk", "autorickshaw", "animal",
)  # fmt: skip
"""Classes that ImageNet has pictures of: those of the paper, and what other sets call them."""


class DAFormer(DACS):
    """Mixed sampling (`dacs`), with three ways of keeping a strong network from forgetting the rare and the known.

        min over f of  L_seg(f(x_s), y_s) + weight * L_seg(f(A(x_m)), y_m) + feature_weight * L_FD

    - Rare-class sampling: a source image is drawn by a class, rare ones more often; see `RareClasses`.
    - Feature distance: L_FD holds the backbone's last features of things on the source near those it began with, which
      know ImageNet's classes; see `feature_distance`. With random weights at the start there is nothing to hold: say
      `feature_weight` 0.
    - Warm-up: the learning rate rises in a straight line over the first `warm_up` of the steps.

    The network is that of the set-up, not the paper's transformer; its optimiser too, in the place of AdamW. Of the
    paper's, a sampled crop is drawn again while it holds little of its class, and pseudo-labels on the car's bonnet
    count for nothing, which only fits Cityscapes: neither is done here.

    Args:
        setup: the set-up.
        temperature: T of rare-class sampling, the higher the more even; 0 draws each image once an epoch.
        feature_weight: lambda_FD.
        things: the classes whose features are held, with commas; by default those of its classes that ImageNet has.
        warm_up: share of the steps, in [0, 1).
        decay: of the teacher's weights.
        options: those of `dacs`.

    Raises:
        LandbridgeError: none of the classes is known as a thing, or the network has no backbone of its own.
        UnknownNameError: a thing is none of the classes.
    """

    paper = "Hoyer et al., CVPR 2022, sections 3.1-3.3"

    def __init__(
        self,
        setup: SegmentationSetup,
        temperature: Annotated[float, Range(0.005, 0.5, log=True)] = 0.01,
        feature_weight: Annotated[float, Range(5e-4, 0.05, log=True)] = 0.005,
        things: str = "",
        warm_up: Annotated[float, Range(0, 0.2)] = 0.0375,
        decay: Annotated[float, Range(0.9, 0.999)] = 0.999,
        **options: Any,
    ) -> None:
        super().__init__(setup, decay=decay, **options)
        self.temperature, self.feature_weight, self.warm_up = temperature, feature_weight, warm_up
        if feature_weight:
            backbone = setup.network.backbone
            if backbone is None:
                raise LandbridgeError("this network has no backbone whose features could be held: say feature_weight=0")
            self.layer = setup.network.layers[-1]
            self.beginning = copy.deepcopy(backbone).requires_grad_(False).eval()
            self.register_buffer("things", torch.tensor(_numbers(things, setup.classes)), persistent=False)

    def drawn(self, name: str, view: View, seed: int) -> Order | None:
        """Source images by rare classes."""
        rare = name == "source" and self.temperature > 0
        return RareClasses(view, seed, self.temperature, size=self.preprocessing(name).size) if rare else None

    def pace(self, at: Moment) -> float:
        """The usual schedule, behind the warm-up."""
        rising = self.warm_up * at.steps
        return super().pace(at) * (min(1.0, (at.step + 1) / rising) if rising else 1.0)

    def look(self, batch: Batch) -> SeenMixed:
        """As in mixed sampling, and what the backbone makes of the source."""
        backbone = self.network.backbone
        if not self.feature_weight or backbone is None:
            return super().look(batch)
        source = batch["source"].x
        with maps_heard(backbone, self.layer, source) as heard:
            seen = super().look(batch)
        seen.maps = heard[0][: len(source)]
        return seen

    def terms(self, seen: SeenMixed, at: Moment) -> Losses:
        """Cross-entropy on the mixed images, and the feature distance."""
        turn = super().terms(seen, at)
        if seen.maps is not None:
            source = seen.batch["source"]
            # In the way that the network itself normalises the source.
            with torch.no_grad(), normalising_by_batch(self.beginning), running_statistics_kept(self.beginning):
                before = maps_of(self.beginning, [self.layer])(source.x)[0]
            things = self.get_buffer("things")
            turn["features"] = self.feature_weight * feature_distance(seen.maps, before, source.y, things)
        return turn


def _numbers(things: str, classes: tuple[str, ...]) -> list[int]:
    """The class numbers of things, by names with commas or, where none are named, as ImageNet has them."""
    named = [name.strip() for name in things.split(",") if name.strip()]
    for name in named:
        if name not in classes:
            raise UnknownNameError(
                f"'{name}' is none of the classes{nearest(name, classes) or ': ' + ', '.join(classes)}"
            )
    numbers = [number for number, name in enumerate(classes) if name in (named or THINGS)]
    if not numbers:
        raise LandbridgeError(
            "none of the classes is known as a thing whose features could be held: name some with --method.things, or "
            "say --method.feature_weight 0"
        )
    return numbers
