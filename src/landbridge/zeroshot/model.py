"""What comes out of a zero-shot comparison: a network and a classifier that know classes by their descriptions."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from landbridge.nn.backbones import Backbone
from landbridge.nn.models import backbone_of, describe, model_folder, read_weights, write_model
from landbridge.nn.preprocessing import Preprocessing
from landbridge.nn.taps import OUTPUT, taps
from landbridge.zeroshot import saving
from landbridge.zeroshot.base import ZeroShotClassifier

CLASSIFIER = "classifier"


class ZeroShotModel:
    """Calls raw images one of all classes, seen or not.

    Args:
        backbone: inputs to features.
        pool: how places become one vector.
        method: a fitted classifier of such features.
        classes: names of its classes, row by row of its signatures.
        gamma: by how much the scores of seen classes are lowered.
    """

    answers = "best"
    """The highest score is the answer; scores are no probabilities."""

    def __init__(
        self, backbone: Backbone, pool: str, method: ZeroShotClassifier, classes: Sequence[str], gamma: float
    ) -> None:
        self.backbone, self.pool, self.method = backbone.eval(), pool, method
        self.classes, self.gamma = tuple(classes), gamma

    @property
    def preprocessing(self) -> Preprocessing:
        """What turns raw inputs into what the network takes."""
        return self.backbone.preprocessing

    @torch.inference_mode()
    def predict(self, images: Tensor, batch_size: int = 256) -> Tensor:
        """Raw inputs to scores, those of seen classes lowered by gamma.

        Args:
            images: uint8 [N, 1 or 3, H, W] of any size, or float features [N, D].
            batch_size: how many go through the network at once.

        Returns:
            Scores [N, classes], higher is better.
        """
        if not len(images):
            return torch.empty(0, len(self.classes))
        read = taps(self.backbone, (OUTPUT,), self.pool)
        device = next(self.backbone.parameters(), torch.empty(0)).device
        parts = [read(self.preprocessing(part.to(device)))[OUTPUT].cpu() for part in images.split(batch_size)]
        scores = self.method.decision_function(torch.cat(parts).double().numpy())
        seen = np.isin(self.method.classes_, self.method.seen_)
        return torch.from_numpy(scores - self.gamma * seen)

    def save(self, folder: Path | str) -> None:
        """Write the model to a folder: safetensors and JSON. Whole or not at all."""
        described = {
            "kind": "zero-shot",
            "backbone": self.backbone.name,
            "preprocessing": self.preprocessing.to_json(),
            "pool": self.pool,
            "classes": list(self.classes),
            "gamma": self.gamma,
        }
        write_model(folder, self.backbone, described, {CLASSIFIER: lambda place: saving.save(self.method, place)})

    @classmethod
    def load(cls, folder: Path | str, backbone: str | None = None) -> "ZeroShotModel":
        """Read a model from a folder, or from a run's folder.

        Args:
            folder: what `save` wrote, or a run that holds a `model/`.
            backbone: the user's own factory, where the model was made with one.

        Raises:
            MissingDataError: there is no model in the folder.
            BadDataError: its files are damaged, or do not fit one another.
            LandbridgeError: it is another kind of model, or needs a factory of one's own that was not named.
        """
        folder = model_folder(folder)
        described = describe(folder, "zero-shot")
        network = backbone_of(folder, described, backbone)
        read_weights(folder, network, network.name)
        method = saving.load(folder / CLASSIFIER)
        return cls(network, described["pool"], method, described["classes"], described["gamma"])
