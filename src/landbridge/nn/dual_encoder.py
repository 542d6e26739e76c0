"""Images and texts in one space: two encoders, each with a projection to the width that they share."""

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from landbridge.core.errors import BadDataError, LandbridgeError
from landbridge.nn.backbones import Backbone
from landbridge.nn.fingerprint import digest, fingerprint
from landbridge.nn.heads import Head
from landbridge.nn.models import backbone_of, describe, model_folder, read_weights, write_model
from landbridge.nn.open_clip_towers import OpenClipText, make_towers, restored_towers
from landbridge.nn.preprocessing import Preprocessing
from landbridge.nn.text_encoders import TextEncoder, read_text_encoder

KIND, TEXT = "dual-encoder", "text"
HALF = (torch.float16, torch.bfloat16)


class DualEncoder(nn.Module):
    """An image encoder and a text encoder whose embeddings are compared by their cosine.

    As in CLIP (Radford et al., ICML 2021) and SigLIP (Zhai et al., ICCV 2023), the logit of an
    image x and a text y is s <f(x), g(y)> + b, with f and g of length 1, a learned scale s = exp(log_scale) and a
    learned bias b.

    Args:
        image: any backbone.
        text: any text encoder.
        width: of the shared space. None leaves out the projections: both encoders must then have one width.
        hidden: widths of hidden layers of both projections; none makes them linear.
        dropout: share of their hidden units dropped in training, in [0, 1).
        scale: s at the start, > 0; 1 / 0.07 is CLIP's, 10 SigLIP's.
        bias: b at the start; 0 is CLIP's, which has none, -10 SigLIP's.

    Attributes:
        image_head: the image's projection.
        text_head: the text's projection.
        log_scale: the logarithm of s, a parameter.
        bias: b, a parameter.
        width: of the shared space.

    Raises:
        LandbridgeError: without projections the encoders differ in width; or a number is out of range.

    >>> from landbridge.nn.backbones import make_backbone
    >>> from landbridge.nn.text_encoders import make_text_encoder
    >>> text = make_text_encoder("transformer?width=16&layers=1&least=1", ["a red flower", "a blue flower"])
    >>> model = DualEncoder(make_backbone("ganin-mnist"), text, width=8).eval()
    >>> images = model.encode_image(torch.zeros(3, 1, 28, 28, dtype=torch.uint8))
    >>> texts = model.encode_text(["a red flower", "flower"])
    >>> images.shape, texts.norm(dim=1).allclose(torch.ones(2)), model.logits(images, texts).shape
    (torch.Size([3, 8]), True, torch.Size([3, 2]))
    """

    def __init__(
        self,
        image: Backbone,
        text: TextEncoder,
        width: int | None = 256,
        hidden: Sequence[int] = (),
        dropout: float = 0.0,
        scale: float = 1 / 0.07,
        bias: float = 0.0,
    ) -> None:
        super().__init__()
        if width is None and image.width != text.width:
            raise LandbridgeError(
                f"'{image.name}' gives {image.width} features and '{text.name}' {text.width}: name a width for both"
            )
        if scale <= 0 or (width is not None and width < 1):
            raise LandbridgeError(f"a dual encoder has a scale above 0 and a width of at least 1: {scale}, {width}")
        self.image, self.text, self.width = image, text, width or image.width
        self.image_head, self.text_head = (
            nn.Identity() if width is None else Head(encoder.width, hidden, width, dropout) for encoder in (image, text)
        )
        self.log_scale = nn.Parameter(torch.tensor(math.log(scale)))
        self.bias = nn.Parameter(torch.tensor(float(bias)))
        self._heads = {"width": width, "hidden": list(hidden), "dropout": dropout}

    @classmethod
    def from_open_clip(cls, name: str, pretrained: str | Path | None = None) -> "DualEncoder":
        """A model of open_clip, with the logits of its own.

        Args:
            name: of open_clip's list, or `hf-hub:OWNER/NAME` or `local-dir:FOLDER`, which bring their own weights.
            pretrained: None for fresh weights, "hub" for the first that open_clip lists, a tag of its list, or a
                checkpoint (never one that carries code).

        Raises:
            UnknownNameError: open_clip has no such model.
            LandbridgeError: it is missing, or the weights cannot be had.
        """
        return cls._of_towers(*make_towers(name, pretrained))

    @classmethod
    def _of_towers(cls, image: Backbone, text: OpenClipText, library: Any) -> "DualEncoder":
        model = cls(image, text, width=None)
        with torch.no_grad():
            model.log_scale.copy_(library.logit_scale.squeeze())
            if library.logit_bias is not None:
                model.bias.copy_(library.logit_bias.squeeze())
        return model.eval()

    @property
    def preprocessing(self) -> Preprocessing:
        """What turns raw images into what the image encoder takes."""
        return self.image.preprocessing

    @property
    def scale(self) -> Tensor:
        """The factor s of the logits."""
        return self.log_scale.exp()

    @property
    def fingerprint(self) -> str:
        """SHA-256 of all that embeddings are a function of beside images and texts; scale and bias are not among it."""
        parts = [
            fingerprint(self.image),
            digest(self.image_head),
            digest(self.text, self.text.facts()),
            digest(self.text_head),
        ]
        return digest(nn.Identity(), *parts)

    def forward(self, images: Tensor, texts: Sequence[str] | Tensor) -> Tensor:
        """The logits [n, m] of n images with m texts, both as the two verbs take them."""
        return self.logits(self.encode_image(images), self.encode_text(texts))

    def logits(self, images: Tensor, texts: Tensor) -> Tensor:
        """The logits [n, m] of embedded images [n, D] with embedded texts [m, D]."""
        return self.scale * images @ texts.T + self.bias

    def tokenize(self, texts: Sequence[str]) -> Tensor:
        """Texts to tokens, int64 [n, t], as the text encoder wants them."""
        return self.text.tokenizer(texts)

    def encode_image(self, images: Tensor, batch_size: int = 256) -> Tensor:
        """Images to embeddings.

        Args:
            images: raw, uint8 [n, 1 or 3, H, W] of any size; or preprocessed, float [n, 3, h, w]; or what else the
                backbone reads.
            batch_size: how many go through the network at once; in training mode all do, since BatchNorm sees them.

        Returns:
            [n, D], each of length 1; never in half precision.
        """
        return self._in_parts(images, self._embed_images, len(images) if self.training else batch_size)

    def encode_text(self, texts: Sequence[str] | Tensor, batch_size: int = 256) -> Tensor:
        """Texts to embeddings.

        Texts of like length go through the network together, so that short ones do not wait for long ones.

        Args:
            texts: as people write them; or as `tokenize` gives them, int64 [n, t].
            batch_size: how many go through the network at once; in training mode all do.

        Returns:
            [n, D], each of length 1; never in half precision.
        """
        tokens = texts if isinstance(texts, Tensor) else self.tokenize(texts)
        if tokens.dim() != 2 or tokens.is_floating_point():
            raise BadDataError(f"tokens are whole numbers [n, t], not {tokens.dtype} {tuple(tokens.shape)}: tokenize")
        if self.training or len(tokens) <= batch_size:
            return self._in_parts(tokens, self._embed_tokens, len(tokens))
        order = self.text.lengths(tokens).argsort(stable=True)
        return self._in_parts(tokens[order], self._embed_tokens, batch_size)[order.argsort()]

    def _in_parts(self, inputs: Tensor, embed: Callable[[Tensor], Tensor], size: int) -> Tensor:
        if not len(inputs):
            return self.log_scale.new_zeros(0, self.width)
        device = self.log_scale.device
        return torch.cat([embed(part.to(device)) for part in inputs.split(size)])

    def _embed_images(self, images: Tensor) -> Tensor:
        ready = images if images.is_floating_point() else self.preprocessing(images)
        return _to_length_one(self.image_head(self.image(ready)))

    def _embed_tokens(self, tokens: Tensor) -> Tensor:
        needed = int(self.text.lengths(tokens).max())
        return _to_length_one(self.text_head(self.text(tokens[:, :needed])))

    def save(self, folder: Path | str) -> None:
        """Write the model to a folder: weights as safetensors, all else as JSON. Whole or not at all."""
        described = {
            "kind": KIND,
            "backbone": self.image.name,
            "preprocessing": self.preprocessing.to_json(),
            "text": self.text.name,
            "heads": self._heads,
        }
        write_model(folder, self, described, {TEXT: self.text.write})

    @classmethod
    def load(cls, folder: Path | str, backbone: str | None = None) -> "DualEncoder":
        """Read a model from a folder, or from a run's folder.

        Args:
            folder: what `save` wrote, or a run that holds a `model/`.
            backbone: the user's own factory, where the image encoder was made with one; see `Classifier.load`.

        Raises:
            MissingDataError: there is no model in the folder.
            BadDataError: its weights are damaged, changed, or no safetensors; or its text encoder is not described.
            LandbridgeError: it is a model of another kind, or it needs a factory or a library that is not there.
        """
        folder = model_folder(folder)
        described = describe(folder, KIND)
        if not {"backbone", "preprocessing", "text", "heads"} <= described.keys():
            raise BadDataError(f"{folder} does not describe a dual encoder: save it anew")
        image: Backbone
        text: TextEncoder
        if described["heads"]["width"] is None and described["backbone"] == described["text"]:
            # Both towers of one model of open_clip, which its text part describes whole.
            image, text, _ = restored_towers(folder / TEXT, described["text"])
            image.preprocessing = Preprocessing.from_json(described["preprocessing"])
        else:
            image, text = backbone_of(folder, described, backbone), read_text_encoder(folder / TEXT)
        model = cls(image, text, **described["heads"])
        read_weights(folder, model, f"{image.name} with {text.name}")
        return model.eval()


def _to_length_one(embeddings: Tensor) -> Tensor:
    """Rows of length 1, computed in float32 at least."""
    return F.normalize(embeddings.float() if embeddings.dtype in HALF else embeddings, dim=1)
