"""What a dual encoder says about images: which images, which words, and how a few labels help."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F

from landbridge.core.errors import BadDataError, LandbridgeError, MissingDataError, UnknownNameError
from landbridge.core.registry import nearest
from landbridge.data.batches import IN_MEMORY
from landbridge.data.domain import Domain, Examples, View
from landbridge.data.folders import IMAGES, images_below, is_image
from landbridge.data.images import Files, ImageFiles, Inputs, Joined
from landbridge.data.registry import load_domain, names
from landbridge.evaluation.metrics import labels_of
from landbridge.nn.backbones import Backbone
from landbridge.nn.dual_encoder import DualEncoder
from landbridge.nn.layers import evaluating
from landbridge.training.features import FeatureStore
from landbridge.vision_language.few_shot import FEW_SHOT
from landbridge.vision_language.few_shot.base import FewShot, Labelled, Setting
from landbridge.vision_language.prompts import IMAGENET, Prompts, read_classes, read_descriptions, read_templates
from landbridge.vision_language.zero_shot_head import ZeroShotHead

OPEN_CLIP = "open_clip/"
CHOSEN_BY = 4
"""At most so many further examples a class choose what a few-shot method leaves open, as in CoOp's protocol."""

VALIDATION = 0.1
"""Share of the training labels that a temperature is fitted on, where there are no shots."""

FIRST = 5
"""Classes an image among which the true one counts as found."""

USUAL_SIZE = (224, 224)


@dataclass(frozen=True, eq=False)
class Seen:
    """The images to classify.

    Attributes:
        names: the path of each, or `split/number`.
        x: their pixels, those that can be read.
        positions: which of `names` these are, int64 [n].
        view: the same images with their labels sealed; None for loose files.
    """

    names: tuple[str, ...]
    x: Inputs
    positions: Tensor
    view: View | None = None


def dual_encoder_of(model: str, weights: str | None, backbone: str | None) -> DualEncoder:
    """The dual encoder that MODEL names.

    Raises:
        LandbridgeError: open_clip's without weights, or weights for one that has its own; see `DualEncoder.load`.
    """
    if model.startswith(OPEN_CLIP):
        own = model.removeprefix(OPEN_CLIP).startswith(("hf-hub:", "local-dir:"))
        if weights is None and not own:
            raise LandbridgeError(
                f"{model} knows nothing without weights: name them with --weights FILE, hub, or a tag of open_clip "
                "(none takes fresh ones, to try things out)"
            )
        return DualEncoder.from_open_clip(model.removeprefix(OPEN_CLIP), None if weights == "none" else weights)
    if weights is not None:
        raise LandbridgeError(f"{model} has weights of its own: leave out --weights, or name {OPEN_CLIP}NAME")
    if not Path(model).exists() and "/" not in model:
        raise MissingDataError(f"no model {model}: name a run of `landbridge align`, its model/, or {OPEN_CLIP}NAME")
    return DualEncoder.load(model, backbone)


def words_of(
    classes: str | None, templates: str | None, descriptions: str | None, domain: Domain | None, root: str | None
) -> tuple[Prompts, tuple[str, ...]]:
    """The prompts that are asked for, and the templates that they are made by.

    Raises:
        LandbridgeError: no classes are known, or names, templates or descriptions cannot be read.
    """
    if classes is None and (domain is None or not domain.classes):
        raise LandbridgeError("which classes? name them with --classes cat,dog, a file of names, a domain, or imagenet")
    found = domain.classes if classes is None and domain is not None else read_classes(str(classes), root)
    told = None if descriptions is None else read_descriptions(descriptions)
    if templates is None and descriptions is None:
        templates = IMAGENET if classes == IMAGENET else "photo"
    given = read_templates(templates) if templates is not None else ("{description}",)
    return Prompts.of(found, given, told), given


def source_of(images: str, classes: str | None, root: str | None) -> Domain | ImageFiles:
    """What IMAGES names: a file, or a folder of files at any depth; or a domain.

    A folder is a domain too where no classes are asked for: they must then be those of its sub-folders.

    Raises:
        LandbridgeError: there is no such thing, or there are no images in it.
    """
    place = Path(images).expanduser()
    is_path = images not in names() and place.exists()
    if is_path and (is_image(place) or (place.is_dir() and classes is not None)):
        files = [place] if place.is_file() else images_below(place)
        if not files:
            raise MissingDataError(f"no images in {place} (files ending in {', '.join(IMAGES.endings)})")
        return ImageFiles(files)
    try:
        return load_domain(images, root)
    except UnknownNameError as error:
        raise UnknownNameError(
            f"'{images}' is no image file, no folder and no domain{nearest(images, names())}"
        ) from error
    except BadDataError as error:
        if not (is_path and place.is_dir()) or classes is not None:
            raise
        raise BadDataError(
            f"{str(error).partition(': ')[0]}: name the classes, as in --classes cat,dog, or have a sub-folder for each"
        ) from error


def seen_of(view: View, size: tuple[int, int] | None, unreadable: float) -> Seen:
    """The images of a view of a domain that can be read."""
    found = readable(view.domain, view.x.pick(view.index), view.split, size, unreadable)
    return replace(found, view=view.subset(found.positions))


def readable(name: str, x: Inputs, split: str, size: tuple[int, int] | None, unreadable: float) -> Seen:
    """The images that can be read, in memory where they fit.

    Args:
        name: what they are called together, for messages.
        x: the images.
        split: what they are called where they are no files.
        size: what they are read at, (height, width).
        unreadable: share that may be unreadable.

    Raises:
        BadDataError: more of them are, or all.
    """
    size = size or USUAL_SIZE
    if not isinstance(x, Files | Joined):
        return Seen(tuple(f"{split}/{number}" for number in range(len(x))), x, torch.arange(len(x)))
    labels = tuple(x.named(number) for number in range(len(x)))
    good, positions = x.readable(size, keep=x.nbytes(size) <= IN_MEMORY)
    lost = sorted(set(range(len(x))) - set(positions.tolist()))
    if len(lost) > unreadable * len(x) or not len(positions):
        raise BadDataError(
            f"{len(lost)} of {len(x)} images of {name} cannot be read (first: {labels[lost[0]]}): "
            "mend or remove them, or allow more with --unreadable"
        )
    return Seen(labels, good, positions)


def embedded(model: DualEncoder, x: Inputs, device: torch.device, *, quiet: bool) -> Tensor:
    """Images to unit vectors, float32 [n, D] on the CPU; what the image encoder makes is kept by content.

    Raises:
        BadDataError: these are no images that the encoder reads.
    """
    view = View("images", "images", (), Examples(x), torch.arange(len(x)), shown=False)
    image: Backbone = model.image
    first = x.read(torch.arange(1), image.preprocessing.size)
    if first.dim() != image.example().dim():
        kinds = {2: "vectors", 4: "images"}
        raise BadDataError(f"the model reads {kinds[image.example().dim()]}, and these are {kinds[first.dim()]}")
    features = torch.from_numpy(FeatureStore(quiet=quiet).features(image, view, device=device)["output"])
    head, home = model.image_head, next(model.parameters()).device
    with evaluating(model):
        return F.normalize(head(features.float().to(home)).float(), dim=1).cpu()


def read_alike(model: DualEncoder, prompts: Prompts) -> list[str]:
    """The classes that the model cannot tell from some other: with words it never learned, their prompts are the same.

    Told by the first prompt of each.
    """
    first = dict.fromkeys(texts[0] for texts in prompts.texts)
    tokens = dict(zip(first, map(tuple, model.tokenize(list(first)).tolist())))
    count = Counter(tokens.values())
    return [name for name, texts in zip(prompts.classes, prompts.texts) if count[tokens[texts[0]]] > 1]


def among_the_first(logits: Tensor, view: View, k: int = FIRST) -> dict[str, float]:
    """`top_5_accuracy`: the share of a view's images whose class is among the k likeliest; its labels are opened.

    Nothing where there are no more than k classes, or no labels.
    """
    labels = labels_of(view)
    if labels is None or logits.shape[1] <= k:
        return {}
    found = (logits.topk(k).indices == labels[:, None]).any(1)
    return {f"top_{k}_accuracy": float(found.double().mean())}


def aligned(domain: Domain, classes: Sequence[str]) -> Domain | None:
    """The domain with its class numbers as in `classes`; None where it has others, or several labels an example."""
    if not domain.classes or domain.multi_label or not set(domain.classes) <= set(classes):
        return None
    return domain.with_classes(classes)


def choosing(shots: int) -> int:
    """How many further examples a class choose, with so many to learn from."""
    return min(shots, CHOSEN_BY)


def shots_of(domain: Domain, shots: int, seed: int) -> tuple[View, View]:
    """Labelled examples: those to learn from, `shots` a class, and those to choose by, up to 4 more a class.

    Raises:
        BadDataError: a class has too few.
    """
    if shots < 1:
        raise BadDataError(f"--shots is at least 1 a class, not {shots}")
    more = choosing(shots)
    try:
        both, few = domain.labelled(shots + more, seed), domain.labelled(shots, seed)
    except BadDataError as error:
        raise BadDataError(f"{error} ({shots} a class to learn from and {more} to choose by)") from error
    return few, both.subset((~torch.isin(both.index, few.index)).nonzero().flatten())


def to_classify(domain: Domain, split: str, shots: int | None, seed: int) -> View:
    """The examples to classify, labels sealed: a split; with shots, what `Domain.draw` leaves to test on."""
    if shots is None or "test" in domain.splits:
        return domain.unlabelled(split)
    return domain.draw(shots + choosing(shots), seed)[1]


def labelled(model: DualEncoder, view: View, device: torch.device, *, quiet: bool) -> Labelled:
    """The examples of a view whose labels are shown, as features."""
    return Labelled(embedded(model, view.x.pick(view.index), device, quiet=quiet), view.y)


def few_shot(
    name: str, head: ZeroShotHead, model: DualEncoder, shots: Labelled, validation: Labelled, seed: int
) -> FewShot:
    """A few-shot method by name, learned."""
    method: FewShot = FEW_SHOT.resolve(name)(Setting(head, model, seed))
    return method.fit(shots, validation)
