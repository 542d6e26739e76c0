"""Models of open_clip in our terms: both towers with their tokenizer, and what makes them again from a folder."""

import json
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from landbridge.core.errors import BadDataError, LandbridgeError, UnknownNameError
from landbridge.core.registry import nearest
from landbridge.nn.backbones import Backbone
from landbridge.nn.blueprint import Blueprint
from landbridge.nn.packages import needed
from landbridge.nn.preprocessing import Preprocessing
from landbridge.nn.sources import as_trained
from landbridge.nn.text_encoders import TextEncoder, TextSpec, vocabulary_of, write_description

CONFIG = "open_clip_config.json"
SCHEMAS = ("hf-hub:", "local-dir:")
POOLED_AT_THE_END = ("argmax", "eos")


class OpenClipTokenizer:
    """A tokenizer of open_clip.

    Args:
        library: what `open_clip.get_tokenizer` gives; it pads to the full length.
        vocabulary: how many tokens the tower knows.
        lengths: tokens [n, t] to how many columns each text needs; the columns that no text needs are then cut off.
            None keeps the full length, for towers that see padding.
    """

    def __init__(self, library: Any, vocabulary: int, lengths: Callable[[Tensor], Tensor] | None) -> None:
        self.library, self.vocabulary, self._lengths = library, vocabulary, lengths
        self.length = int(library.context_length)

    def __call__(self, texts: Sequence[str]) -> Tensor:
        """Texts to int64 [n, t]."""
        texts = [texts] if isinstance(texts, str) else list(texts)
        if not texts:
            return torch.zeros(0, self.length, dtype=torch.int64)
        tokens: Tensor = self.library(texts)
        return tokens if self._lengths is None else tokens[:, : int(self._lengths(tokens).max())]


class OpenClipText(TextEncoder):
    """The text tower of an open_clip model, its projection included.

    A causal tower that is pooled where the text ends never sees padding: its texts are padded to the longest of a batch
    only, which changes no feature and saves most of the time. Other towers (SigLIP's attends both ways and is pooled at
    the last place, padded or not: Zhai et al., ICCV 2023; CoCa's and those of transformers) get their full length.

    Args:
        tower: `open_clip.transformer.TextTransformer`, or another text tower of it.
        library: its tokenizer, from `open_clip.get_tokenizer`.
        config: of the whole model, as open_clip writes it.
        name: the spec that it is made from.

    Attributes:
        shortens: whether padding may be left away.
    """

    def __init__(self, tower: nn.Module, library: Any, config: Mapping[str, Any], name: str) -> None:
        super().__init__()
        self.name, self.tower, self.config = name, tower, config
        self.shortens = (
            getattr(tower, "attn_mask", None) is not None
            and getattr(tower, "cls_emb", None) is None
            and getattr(tower, "pool_type", None) in POOLED_AT_THE_END
        )
        self._lengths = _lengths_of(tower) if self.shortens else None
        self.tokenizer: OpenClipTokenizer = OpenClipTokenizer(
            library, int(getattr(tower, "vocab_size", 0)), self._lengths
        )
        with torch.no_grad():
            self.width = int(self(self.tokenizer([""])).shape[1])

    @classmethod
    def make(cls, spec: TextSpec, texts: Sequence[str] | None, weights: str | Path | None) -> "OpenClipText":
        """One of this kind; see `make_text_encoder`."""
        spec.values({})
        return make_towers(spec.name, weights)[1]

    @classmethod
    def restored(cls, folder: Path, described: Mapping[str, Any]) -> "OpenClipText":
        """What `write` wrote, its weights still to be read."""
        return restored_towers(folder, described["name"])[1]

    def forward(self, tokens: Tensor) -> Tensor:
        """Tokens to features.

        Args:
            tokens: int64 [n, t]; t is the full length, unless the tower `shortens`: then of each text up to its end.

        Returns:
            [n, width].

        Raises:
            BadDataError: t is not what the tower can read.
        """
        longest, full = tokens.shape[1], self.tokenizer.length
        if longest > full or (longest < full and not self.shortens):
            kind = "at most" if self.shortens else "exactly"
            raise BadDataError(f"'{self.name}' reads texts of {kind} {full} tokens, not {longest}: use its tokenizer")
        if longest == full:
            made = self.tower(tokens)
            features: Tensor = made[0] if isinstance(made, tuple) else made
            return features
        return self._shortened(tokens)

    def _shortened(self, tokens: Tensor) -> Tensor:
        """The tower's own forward pass over fewer places, which the library's takes no mask for."""
        tower: Any = self.tower
        longest = tokens.shape[1]
        dtype = tower.transformer.get_cast_dtype()
        x = tower.token_embedding(tokens).to(dtype) + tower.positional_embedding[:longest].to(dtype)
        x = tower.transformer(x, attn_mask=tower.attn_mask[:longest, :longest])
        ends = tower.ln_final(x[torch.arange(len(x), device=x.device), self.lengths(tokens) - 1])
        projection = tower.text_projection
        if projection is None:
            features: Tensor = ends
        else:
            features = projection(ends) if isinstance(projection, nn.Linear) else ends @ projection
        return features

    def lengths(self, tokens: Tensor) -> Tensor:
        """How many columns of its tokens each text needs, int64 [n]: all, where the tower sees padding."""
        if self._lengths is None:
            return torch.full((len(tokens),), tokens.shape[1], device=tokens.device)
        return self._lengths(tokens)

    @property
    def word_vectors(self) -> nn.Embedding:
        """What turns tokens into vectors: open_clip's own embedding, or that of a tower of the library transformers."""
        own = getattr(self.tower, "token_embedding", None)
        found: nn.Embedding = self.tower.transformer.get_input_embeddings() if own is None else own  # type: ignore[union-attr,operator]
        return found

    def facts(self) -> dict[str, Any]:
        """As plain data, all that features are a function of beside texts, code and weights."""
        library = self.tokenizer.library
        spelled = [type(library).__name__, vocabulary_of(getattr(library, "tokenizer", None))]
        return {"kind": "open_clip", "text_cfg": self.config["model_cfg"]["text_cfg"], "tokenizer": spelled}

    def write(self, folder: Path) -> None:
        """Make a folder that open_clip itself reads as `local-dir:`, but for the weights."""
        write_description(folder, {"kind": "open_clip", "name": self.name})
        (folder / CONFIG).write_text(json.dumps(self.config, indent=2) + "\n", encoding="utf-8")
        if hasattr(self.tokenizer.library, "save_pretrained"):
            self.tokenizer.library.save_pretrained(str(folder))


def make_towers(name: str, weights: str | Path | None = None) -> tuple[Backbone, OpenClipText, Any]:
    """A model of open_clip as our two encoders.

    Args:
        name: of open_clip's list, or `hf-hub:OWNER/NAME` or `local-dir:FOLDER`, which bring their own weights.
        weights: None for fresh ones, "hub" for the first that open_clip lists, a tag of its list, or a checkpoint.

    Returns:
        The image tower, the text tower, and the library's own model, of which they are parts.

    Raises:
        UnknownNameError: open_clip has no such model.
        LandbridgeError: it is missing, or the weights cannot be had.
    """
    open_clip = needed("open_clip", f"'open_clip/{name}'")
    own_weights = name.startswith(SCHEMAS)
    if not own_weights and name not in open_clip.list_models():
        hint = (
            nearest(name, open_clip.list_models())
            or "; see `python -c 'import open_clip; print(open_clip.list_models())'`"
        )
        raise UnknownNameError(f"open_clip has no model '{name}'{hint}")
    tag, name = (None, name) if own_weights else _weights_of(open_clip, name, weights)
    if own_weights and weights not in (None, "hub"):
        raise LandbridgeError(f"'open_clip/{name}' brings its own weights: leave out {weights}")
    with _one_line(f"open_clip cannot make '{name}'" + (f" with the weights '{tag}'" if tag else "")):
        model = _created(open_clip, name, pretrained=tag)
        config = {"model_cfg": open_clip.get_model_config(name), "preprocess_cfg": dict(model.visual.preprocess_cfg)}
        return _towers(open_clip, model, config, name, f"open_clip/{name}")


def restored_towers(folder: Path, name: str) -> tuple[Backbone, OpenClipText, Any]:
    """The two towers that `OpenClipText.write` described, their weights still to be read.

    Args:
        folder: what it wrote.
        name: the spec that they were made from.

    Raises:
        BadDataError: the folder does not describe them.
        LandbridgeError: open_clip is missing.
    """
    open_clip = needed("open_clip", f"'{name}'")
    local = f"local-dir:{folder}"
    with _one_line(f"{folder} does not describe a model of open_clip", BadDataError):
        config = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
        return _towers(open_clip, _created(open_clip, local, load_weights=False), config, local, name)


def _created(open_clip: Any, name: str, **keys: Any) -> Any:
    """Whatever the model, the text tower is a module of its own."""
    return open_clip.create_model(name, force_custom_text=True, pretrained_text=False, **keys).eval()


def _towers(
    open_clip: Any, model: Any, config: Mapping[str, Any], source: str, name: str
) -> tuple[Backbone, OpenClipText, Any]:
    visual = model.visual
    height, width = visual.image_size if isinstance(visual.image_size, tuple) else (visual.image_size,) * 2
    preprocessing = Preprocessing((height, width), tuple(visual.image_mean), tuple(visual.image_std))
    image = Backbone(name, Blueprint(visual, preprocessing))
    with _one_line(f"no tokenizer of '{name}', which open_clip may fetch from a hub"):
        tokenizer = open_clip.get_tokenizer(source)
    return image, OpenClipText(model.text, tokenizer, config, name), model


def _weights_of(open_clip: Any, name: str, weights: str | Path | None) -> tuple[str | None, str]:
    """The tag or file that is meant, and the model's name with the activation that these weights were trained with.

    Raises:
        LandbridgeError: no such tag, and no such file.
    """
    if weights is None:
        return None, name
    tags = open_clip.list_pretrained_tags_by_model(name)
    tag = tags[0] if str(weights) == "hub" and tags else str(weights)
    if tag not in tags and not Path(tag).is_file():
        known = f"its tags: {', '.join(tags)}" if tags else "open_clip lists none of it"
        raise LandbridgeError(f"no weights '{tag}' of 'open_clip/{name}': name a file, or a tag; {known}")
    return tag, as_trained(open_clip, name, tag)


def _lengths_of(tower: Any) -> Callable[[Tensor], Tensor]:
    return partial(_ends, end=tower.eos_id if tower.pool_type == "eos" else None)


def _ends(tokens: Tensor, end: int | None) -> Tensor:
    """Up to where each text goes: to its first `end`; without one, to its largest number, as CLIP has it."""
    found = tokens if end is None else (tokens == end).int()
    return found.argmax(1) + 1


@contextmanager
def _one_line(what: str, kind: type[LandbridgeError] = LandbridgeError) -> Iterator[None]:
    """The library fails in many ways and logs at length: one line instead."""
    before = logging.root.manager.disable
    logging.disable(logging.ERROR)
    try:
        yield
    except LandbridgeError:
        raise
    except Exception as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise kind(f"{what} ({reason})") from error
    finally:
        logging.disable(before)
