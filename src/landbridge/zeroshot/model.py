"""What comes out of a zero-shot comparison: a network and a classifier that know classes by their descriptions."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

import landbridge
from landbridge.core.errors import BadDataError
from landbridge.core.files import atomic_path
from landbridge.nn.backbones import Backbone
from landbridge.nn.models import DESCRIPTION, WEIGHTS, backbone_of, checksum, describe, model_folder
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
        with atomic_path(folder) as temporary:
            temporary.mkdir()
            state = {name: value.detach().cpu().contiguous() for name, value in self.backbone.state_dict().items()}
            save_file(state, temporary / WEIGHTS)
            saving.save(self.method, temporary / CLASSIFIER)
            description = {
                "landbridge": landbridge.__version__,
                "kind": "zero-shot",
                "backbone": self.backbone.name,
                "preprocessing": self.preprocessing.to_json(),
                "pool": self.pool,
                "classes": list(self.classes),
                "gamma": self.gamma,
                "sha256": checksum(temporary / WEIGHTS),
            }
            (temporary / DESCRIPTION).write_text(json.dumps(description, indent=2) + "\n", encoding="utf-8")

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
        try:
            network.load_state_dict(load_file(folder / WEIGHTS))
        except RuntimeError as error:
            raise BadDataError(
                f"the weights in {folder} do not fit {network.name}: {str(error).splitlines()[-1].strip()}"
            ) from error
        method = saving.load(folder / CLASSIFIER)
        return cls(network, described["pool"], method, described["classes"], described["gamma"])
