"""What comes out of training: networks, preprocessing and class names in one object that predicts, saves and loads."""

import copy
import hashlib
import json
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

import landbridge
from landbridge.core.errors import BadDataError, LandbridgeError, MissingDataError
from landbridge.core.files import atomic_path
from landbridge.nn.backbones import Backbone, is_own_factory, make_backbone
from landbridge.nn.heads import Head
from landbridge.nn.preprocessing import Preprocessing

WEIGHTS, DESCRIPTION = "model.safetensors", "model.json"
_READERS = "`landbridge predict` reads classifier and zero-shot ones, `landbridge classify` dual-encoder ones"

Answers = Literal["one", "several", "numbers", "one-or-none"]
"""What a head says: which one of its classes, which several of them, numbers; or which one, if it is sure enough."""


class Classifier(nn.Module):
    """A backbone and a head that tell one class from another.

    Args:
        backbone: inputs to features.
        head: features to logits.
        classes: names of the classes, in the order of the logits; or of the numbers to predict.
        answers: `one` of the classes, `several` of them, or `numbers`. With `one-or-none` the last class has no logit:
            it is the answer where the others leave doubt, see `with_none`.

    >>> model = Classifier(make_backbone("ganin-mnist"), Head(768, (), 2), ("cat", "dog"))
    >>> model.predict(torch.zeros(3, 1, 28, 28, dtype=torch.uint8)).shape
    torch.Size([3, 2])
    """

    def __init__(self, backbone: Backbone, head: Head, classes: Sequence[str], answers: Answers = "one") -> None:
        super().__init__()
        self.backbone, self.head, self.classes, self.answers = backbone, head, tuple(classes), answers

    @property
    def preprocessing(self) -> Preprocessing:
        """What turns raw inputs into what `forward` takes."""
        return self.backbone.preprocessing

    def forward(self, x: Tensor) -> Tensor:
        """Preprocessed inputs to logits [N, classes]."""
        logits: Tensor = self.head(self.backbone(x))
        return logits

    def embed(self, x: Tensor) -> Tensor:
        """Preprocessed inputs to what the last layer sees, [N, D]."""
        return self.head.embed(self.backbone(x))

    @torch.inference_mode()
    def predict(self, images: Tensor, batch_size: int = 256) -> Tensor:
        """Raw inputs to probabilities.

        Args:
            images: uint8 [N, 1 or 3, H, W] of any size, or float features [N, D].
            batch_size: how many go through the network at once.

        Returns:
            Probabilities [N, classes]; rows sum to 1 where one of the classes is the answer. Or the numbers themselves.
        """
        self.eval()
        device = next(self.parameters()).device
        parts = [self.answer(self(self.preprocessing(part.to(device)))).cpu() for part in images.split(batch_size)]
        return torch.cat(parts) if parts else torch.empty(0, len(self.classes))

    def answer(self, logits: Tensor) -> Tensor:
        """What `predict` returns for these logits."""
        match self.answers:
            case "one":
                return logits.softmax(1)
            case "one-or-none":
                return with_none(logits.softmax(1))
            case "several":
                return logits.sigmoid()
        return logits

    def or_none(self, name: str) -> "Classifier":
        """The same networks, which answer `name` where they leave doubt about the classes; see `with_none`."""
        doubting = copy.copy(self)
        doubting.classes, doubting.answers = (*self.classes, name), "one-or-none"
        return doubting

    def save(self, folder: Path | str) -> None:
        """Write the model to a folder: weights as safetensors, all else as JSON. Whole or not at all."""
        described = {
            "kind": "classifier",
            "backbone": self.backbone.name,
            "preprocessing": self.preprocessing.to_json(),
            "head": {"hidden": list(self.head.hidden_widths), "dropout": self.head.dropout},
            "classes": list(self.classes),
            "answers": self.answers,
        }
        write_model(folder, self, described)

    @classmethod
    def load(cls, folder: Path | str, backbone: str | None = None) -> "Classifier":
        """Read a model from a folder, or from a run's folder.

        Args:
            folder: what `save` wrote, or a run that holds a `model/`.
            backbone: the user's own factory, where the model was made with one. A model file never runs code by itself:
                it says which factory it needs, and whoever loads it names that factory too.

        Raises:
            MissingDataError: there is no model in the folder.
            BadDataError: its weights are damaged, changed, or no safetensors.
            LandbridgeError: it needs a factory of one's own that was not named.
        """
        folder = model_folder(folder)
        described = describe(folder, "classifier")
        network = backbone_of(folder, described, backbone)
        classes, answers = described["classes"], described.get("answers", "one")
        outputs = len(classes) - (answers == "one-or-none")
        head = Head(network.width, described["head"]["hidden"], outputs, described["head"]["dropout"])
        model = cls(network, head, classes, answers)
        read_weights(folder, model, network.name)
        return model.eval()


def with_none(probabilities: Tensor) -> Tensor:
    """Probabilities of classes, and behind them that of none of them: the likeliest where the entropy is large.

    None of them gets the largest probability times H(p) / rho, rho = log(K) / 2, before all are scaled to sum to 1.
    So it wins exactly where H(p) > rho, the rule by which Saito et al. (NeurIPS 2020, section 3.3) reject examples.

    Args:
        probabilities: [N, K], K >= 2; rows sum to 1.

    Returns:
        [N, K + 1].

    >>> with_none(torch.tensor([[1.0, 0.0], [0.8, 0.2]])).argmax(1)
    tensor([0, 2])
    """
    doubt: Tensor = torch.special.entr(probabilities).sum(1) / (math.log(probabilities.shape[1]) / 2)
    none = probabilities.amax(1) * doubt
    return torch.cat([probabilities, none[:, None]], 1) / (1 + none[:, None])


def write_model(
    folder: Path | str,
    weights: nn.Module,
    described: dict[str, Any],
    more: dict[str, Callable[[Path], None]] | None = None,
) -> None:
    """Write a model to a folder: weights as safetensors, all else as JSON. Whole or not at all.

    Args:
        folder: where to; a model that stands there is replaced.
        weights: the network.
        described: what `describe` shall find.
        more: what writes further parts, by their names.
    """
    with atomic_path(folder) as temporary:
        temporary.mkdir()
        state = {name: value.detach().cpu().contiguous() for name, value in weights.state_dict().items()}
        save_file(state, temporary / WEIGHTS)
        for name, write in (more or {}).items():
            write(temporary / name)
        description = {"landbridge": landbridge.__version__, **described, "sha256": checksum(temporary / WEIGHTS)}
        (temporary / DESCRIPTION).write_text(json.dumps(description, indent=2) + "\n", encoding="utf-8")


def read_weights(folder: Path, network: nn.Module, name: str) -> None:
    """The weights of a saved model, into a network that is made like it.

    Raises:
        BadDataError: they do not fit it.
    """
    try:
        network.load_state_dict(load_file(folder / WEIGHTS))
    except RuntimeError as error:
        raise BadDataError(
            f"the weights in {folder} do not fit {name}: {str(error).splitlines()[-1].strip()}"
        ) from error


def model_folder(folder: Path | str) -> Path:
    """The folder of the model: `folder` itself, or `model/` inside a run.

    Raises:
        MissingDataError: neither holds a model.
    """
    folder = Path(folder)
    for candidate in (folder, folder / "model"):
        if (candidate / DESCRIPTION).is_file():
            return candidate
    raise MissingDataError(f"no model in {folder}: name the folder of a run, or its model/ with {DESCRIPTION} in it")


def describe(folder: Path, kind: str | None = None) -> dict[str, Any]:
    """The description of a saved model, its weights checked against their checksum before anything reads them.

    Args:
        folder: of the model itself.
        kind: `classifier`, `segmenter`, `zero-shot` or `dual-encoder`, where another will not do.

    Raises:
        BadDataError: it is no description, or the weights are not those saved with it.
        MissingDataError: there are no weights.
        LandbridgeError: the model is of another kind.
    """
    try:
        described: dict[str, Any] = json.loads((folder / DESCRIPTION).read_text(encoding="utf-8"))
        weights, expected, found = folder / WEIGHTS, described["sha256"], described["kind"]
    except (ValueError, KeyError) as error:
        raise BadDataError(f"{folder / DESCRIPTION} does not describe a model ({error!r})") from error
    if kind is not None and found != kind:
        raise LandbridgeError(f"{folder} holds a {found} model, not a {kind} one: {_READERS}")
    if not weights.is_file():
        raise MissingDataError(f"{folder} has no {WEIGHTS}: only safetensors are read, never pickled weights")
    if checksum(weights) != expected:
        raise BadDataError(f"{weights} is not the file that was saved with this model: its checksum differs")
    return described


def backbone_of(folder: Path, described: dict[str, Any], backbone: str | None) -> Backbone:
    """The network that a saved model was made with, its weights still to be read.

    Args:
        folder: of the model, for messages.
        described: its description.
        backbone: the user's own factory, where the model was made with one.

    Raises:
        LandbridgeError: it needs a factory of one's own that was not named.
    """
    name = described["backbone"]
    if is_own_factory(name) and backbone is None:
        raise LandbridgeError(
            f"{folder} was made with the network {name}: pass --backbone {name} if you trust its code"
        )
    network = make_backbone(backbone or name)
    network.preprocessing = Preprocessing.from_json(described["preprocessing"])
    return network


def checksum(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal figures."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
