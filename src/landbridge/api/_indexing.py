"""From images, sentences and recipes to the vectors of an index."""

import hashlib
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from landbridge.api._classifying import OPEN_CLIP, dual_encoder_of
from landbridge.api._collection import paths_of
from landbridge.core.errors import LandbridgeError, MissingDataError
from landbridge.data.batches import seed_of
from landbridge.data.domain import Domain, Examples
from landbridge.data.images import ImageFiles
from landbridge.nn.backbones import Backbone, is_own_factory, make_backbone
from landbridge.nn.dual_encoder import DualEncoder
from landbridge.nn.fingerprint import fingerprint
from landbridge.nn.layers import evaluating
from landbridge.nn.recipe_encoder import RecipeEncoder
from landbridge.nn.recipe_text import Recipe
from landbridge.nn.taps import OUTPUT
from landbridge.nn.tokenizers import BEGIN, END, PAD, UNKNOWN, Tokenizer
from landbridge.retrieval import Index
from landbridge.training.features import FeatureStore

Rows = NDArray[np.float32]


class Maker:
    """A network that sees images, and which of its features make the vectors of an index.

    Args:
        backbone: the network.
        name: what a user calls it.
        weights: a file, `hub` or `none`; None where it has its own.
        layer: the layer to read.
        pool: how places become one vector.
        device: where to compute.
        quiet: show no progress.

    Attributes:
        fingerprint: of the network with its weights, the layer and the pooling.
    """

    reads_recipes = False

    def __init__(
        self,
        backbone: Backbone,
        name: str,
        weights: str | None = None,
        layer: str = OUTPUT,
        pool: str = "mean",
        *,
        device: torch.device,
        quiet: bool = False,
    ) -> None:
        self.backbone, self.name, self.weights = backbone, name, weights
        self.layer, self.pool, self.device, self.quiet = layer, pool, device, quiet
        self.fingerprint = self._fingerprint()

    def _fingerprint(self) -> str:
        whole = f"{fingerprint(self.backbone)} {self.layer} {self.pool}"
        return hashlib.sha256(whole.encode()).hexdigest()

    def about(self) -> dict[str, Any]:
        """All that is needed to make vectors of the same kind."""
        return {
            "backbone": self.name,
            "weights": self.weights,
            "layer": self.layer,
            "pool": self.pool,
            "preprocessing": self.backbone.preprocessing.to_json(),
        }

    def vectors(self, domain: Domain) -> tuple[dict[str, Rows], set[str]]:
        """The vectors of a domain by split, and the paths of images that cannot be read and are left out."""
        readable = {split: examples for split, examples in domain.splits.items() if self._any_readable(examples)}
        hopeless = [examples for split, examples in domain.splits.items() if split not in readable]
        lost = {str(path) for examples in hopeless for path in paths_of(examples)}
        if not readable:
            return {}, lost
        made = FeatureStore(quiet=self.quiet).domains(
            self.backbone,
            Domain(domain.name, (), readable),
            (self.layer,),
            self.pool,
            device=self.device,
            tolerance=1.0,
        )[self.layer]
        values = {split: examples.x.read(torch.arange(len(examples))) for split, examples in made.splits.items()}
        return {split: self.finished(each) for split, each in values.items()}, lost | set(made.skipped)

    def vector_of(self, path: Path) -> Rows:
        """The vector [1, D] of one image file, which the feature store does not keep.

        Raises:
            MissingDataError: there is no such file.
            BadDataError: it is no image that can be read.
        """
        if not path.is_file():
            raise MissingDataError(f"no such image file: {path}")
        view = Domain(str(path), (), {"query": Examples(ImageFiles([path]))}).unlabelled("query")
        with tempfile.TemporaryDirectory() as folder:
            store = FeatureStore(Path(folder), quiet=True)
            found = store.features(self.backbone, view, (self.layer,), self.pool, device=self.device)
            return self.finished(torch.from_numpy(np.array(found[self.layer], dtype=np.float32)))

    def vector_of_text(self, text: str) -> Rows:
        """The vector [1, D] of a sentence.

        Raises:
            LandbridgeError: the network reads none.
        """
        raise LandbridgeError(
            f"'{_shortened(text)}' cannot be looked for: {self.name} sees images only; make an index with --model "
            f"MODEL, a run of landbridge align or {OPEN_CLIP}NAME, or look for an image file"
        )

    def vector_of_recipe(self, recipe: Recipe) -> Rows:
        """The vector [1, D] of a recipe, any of whose fields may be missing.

        Raises:
            LandbridgeError: the network reads none.
        """
        raise LandbridgeError(
            f"recipes cannot be looked for: {self.name} reads none; make an index with --model MODEL, a dual encoder "
            "whose text encoder is `recipe`"
        )

    def finished(self, features: Tensor) -> Rows:
        """Features [n, D'] to vectors [n, D]."""
        return features.numpy()

    def _any_readable(self, examples: Examples) -> bool:
        files = examples.x
        if not isinstance(files, ImageFiles):
            return len(examples) > 0
        size = self.backbone.preprocessing.size or (224, 224)
        return any(len(files.try_read(part, size)[1]) < len(part) for part in torch.arange(len(files)).split(16))


class DualMaker(Maker):
    """A dual encoder: images and texts become vectors that can be compared.

    Args:
        model: the dual encoder.
        name: what a user calls it.
        weights: of open_clip's models; None where it has its own.
        device: where to compute.
        quiet: show no progress.
    """

    def __init__(
        self, model: DualEncoder, name: str, weights: str | None = None, *, device: torch.device, quiet: bool = False
    ) -> None:
        self.model = model.eval()
        self.reads_recipes = isinstance(model.text, RecipeEncoder)
        super().__init__(model.image, name, weights, device=device, quiet=quiet)

    def _fingerprint(self) -> str:
        return self.model.fingerprint

    def about(self) -> dict[str, Any]:
        """All that is needed to make vectors of the same kind."""
        return {
            "model": self.name,
            "weights": self.weights,
            "backbone": self.model.image.name,
            "text_encoder": self.model.text.name,
            "preprocessing": self.backbone.preprocessing.to_json(),
        }

    def vector_of_text(self, text: str) -> Rows:
        """The vector [1, D] of a sentence.

        Raises:
            LandbridgeError: the model knows none of its words.
        """
        tokens = self.model.tokenize([text])
        tokenizer = self.model.text.tokenizer
        if isinstance(tokenizer, Tokenizer) and set(tokens[0].tolist()) <= {PAD, UNKNOWN, BEGIN, END}:
            raise LandbridgeError(
                f"the model has never seen a word of '{_shortened(text)}': say it as the captions do that it learned "
                "from, in their language"
            )
        with evaluating(self.model), torch.inference_mode():
            return self.model.encode_text(tokens).cpu().numpy()

    def vector_of_recipe(self, recipe: Recipe) -> Rows:
        """The vector [1, D] of a recipe, any of whose fields may be missing."""
        return self.vector_of_text(recipe.text) if self.reads_recipes else super().vector_of_recipe(recipe)

    def finished(self, features: Tensor) -> Rows:
        """The image tower's features [n, D'] to vectors [n, D] of length 1."""
        home = self.model.log_scale.device
        with evaluating(self.model), torch.inference_mode():
            parts = [self.model.image_head(part.to(home)).float() for part in features.float().split(4096)]
            return F.normalize(torch.cat(parts), dim=1).cpu().numpy()


def maker_of(
    model: str | None = None,
    backbone: str | None = None,
    weights: str | None = None,
    layer: str | None = None,
    pool: str | None = None,
    *,
    index: Index | None = None,
    device: str = "auto",
    quiet: bool = False,
) -> Maker:
    """What makes the vectors that a user means.

    Args:
        model: a dual encoder: a run of `align` or its `model/`, or `open_clip/NAME`.
        backbone: a network that sees images; or with `model`, the user's own factory that its image encoder needs.
            Where neither is named, what made `index` is taken.
        weights: a file, `hub`, or `none`; None takes those of `index` where the network is the same, else none.
        layer: the layer to read; None takes that of `index`, else the network's own output.
        pool: how places become one vector; None takes that of `index`, else `mean`.
        index: an index that exists already.
        device: `auto`, `cpu`, `cuda`, `mps`.
        quiet: show no progress.

    Raises:
        LandbridgeError: no network is named, what is named does not go together, or it needs code of the user's own
            that was not named.
    """
    told: Mapping[str, Any] = {} if index is None else index.about
    place = device_of(device)
    own = backbone is None or is_own_factory(backbone)
    if model is None and own:
        model = told.get("model")
    if model is not None:
        if not own:
            raise LandbridgeError(f"--model {model} brings its own network: leave out --backbone {backbone}")
        if layer is not None or pool is not None:
            raise LandbridgeError("--layer and --pool choose features of a --backbone: leave them out with --model")
        return _dual_maker(model, backbone, weights, told, place, quiet=quiet)
    spec = backbone or (None if "model" in told else told.get("backbone"))
    if spec is None:
        raise LandbridgeError(
            "vectors need a network: name one that sees images with --backbone, and its weights with --weights FILE "
            "or hub (landbridge backbones lists some); or with --model a dual encoder, which reads sentences too"
        )
    if backbone is None and is_own_factory(spec):
        raise LandbridgeError(
            f"the index was made with the network {spec}: pass --backbone {spec} if you trust its code"
        )
    same = told.get("backbone") == spec
    weights = _absolute(told["weights"] if weights is None and same else weights)
    torch.manual_seed(seed_of(0, "networks"))
    return Maker(
        make_backbone(spec, weights),
        spec,
        weights,
        layer or told.get("layer", OUTPUT),
        pool or told.get("pool", "mean"),
        device=place,
        quiet=quiet,
    )


def _dual_maker(
    model: str, backbone: str | None, weights: str | None, told: Mapping[str, Any], device: torch.device, *, quiet: bool
) -> DualMaker:
    name = model if model.startswith(OPEN_CLIP) else str(Path(model).expanduser().absolute())
    weights = _absolute(told["weights"] if weights is None and told.get("model") == name else weights)
    torch.manual_seed(seed_of(0, "networks"))
    dual = dual_encoder_of(name, weights, backbone)
    return DualMaker(dual.to(device), name, weights, device=device, quiet=quiet)


def _absolute(weights: str | None) -> str | None:
    """Weights as an index remembers them: a file by its whole path."""
    path = None if weights in (None, "hub", "none") else Path(str(weights)).expanduser()
    return weights if path is None or not path.exists() else str(path.absolute())


def _shortened(text: str) -> str:
    return text if len(text) <= 60 else f"{text[:60]}..."


def device_of(name: str) -> torch.device:
    """The device that a name means; `auto` takes an accelerator where there is one."""
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise LandbridgeError(f"--device is auto, cpu, cuda or mps, not '{name}'") from error
    if device.type == "cuda" and not torch.cuda.is_available():
        raise LandbridgeError("--device cuda: no CUDA device is to be had here; take --device cpu")
    return device
