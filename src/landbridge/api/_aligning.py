"""What `landbridge align` does, from captions to a finished run folder."""

import json
import shlex
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor

from landbridge.api._recipe import Machine, Recipe, flags
from landbridge.api._recipes import begin_with_correlations, classes_for, keep_questions, reads_recipes, recipe_metrics
from landbridge.api._zero_shot_probe import USUAL_PROBE, own_classes, probe_domain, zero_shot_accuracy
from landbridge.core.errors import BadDataError, LandbridgeError
from landbridge.core.files import write_json, write_text
from landbridge.core.processes import barrier
from landbridge.data.batches import IN_MEMORY, seed_of
from landbridge.data.captions import Captions, load_captions
from landbridge.data.domain import Examples, View
from landbridge.data.images import Arrays, Files
from landbridge.evaluation.cross_retrieval import cross_retrieval
from landbridge.nn.backbones import Backbone, make_backbone
from landbridge.nn.dual_encoder import DualEncoder
from landbridge.nn.text_encoders import make_text_encoder
from landbridge.runs import Result, Run
from landbridge.training.features import FeatureStore
from landbridge.vision_language import LOSSES
from landbridge.vision_language.alignment import Alignment
from landbridge.vision_language.looks import (
    FOLDER,
    PairWatcher,
    embeddings,
    judge,
    one_sentence_each,
    retrieval,
    samples,
    save_pictures,
)
from landbridge.vision_language.prompts import Prompts
from landbridge.vision_language.tuning import with_tower

SHOWN = (192, 192)
"""Size at which images that are still files are kept for the report, in pixels."""

VALIDATION = 0.1
"""Share of the training images held out to choose a checkpoint by, where the set has no validation part."""


@dataclass(frozen=True, kw_only=True)
class Aligning(Recipe):
    """All that the numbers of a run are a function of; it is what `config.yaml` holds.

    Attributes are the arguments of `landbridge.api.align`, see there; `backbone` is its `image_encoder`.
    """

    captions: str
    start: str | None = None
    text_encoder: str = "transformer"
    width: int = 256
    loss: str = "info-nce"
    temperature: float | None = None
    margin: float | None = None
    image_rate_ratio: float = 1.0
    text_rate_ratio: float = 1.0
    lora: int = 0
    wise_ft: float = 1.0
    batch_norm: Literal["train", "frozen"] = "train"
    chunk: int = 0
    warmup: float = 0.1
    hinge_warmup: float | None = None
    begin: Literal["random", "correlations"] = "random"
    probe: str | None = None
    template: str = "a photo of a {}."

    def __post_init__(self) -> None:
        super().__post_init__()
        LOSSES[self.loss]
        if self.select not in ("last", "recall"):
            raise LandbridgeError(f"--select is last or recall (on a validation part), not '{self.select}'")
        Prompts.of(("anything",), (self.template,))
        if self.width < 1:
            raise LandbridgeError(f"--width must be at least 1, not {self.width}")
        if (self.start is None) == (self.backbone is None):
            raise LandbridgeError(
                "say where to begin: --image-encoder NAME for encoders of their own, or --start MODEL for a whole "
                "dual encoder, and not both"
            )

    @property
    def locked(self) -> bool:
        """Whether the image tower's features can be computed once: it stays still, and its images do."""
        return self.image_rate_ratio == 0 and self.augment == "none"


@dataclass
class Parts:
    """The pairs to learn from, to choose by and to measure on; of a locked image tower, its features as images.

    Attributes:
        whole: all parts with their images, by name.
        seen: the same as the model reads them in training.
        tower: the image tower that reads those; None where it is the model's own.
        skipped: images that are missing, have no caption or could not be read.
    """

    whole: dict[str, Captions]
    seen: dict[str, Captions]
    tower: Backbone | None
    skipped: list[str]


def align_cell(settings: Aligning, folder: Path, machine: Machine) -> Run:
    """Train a dual encoder and write its run folder; a finished one is left as it is, an unfinished one goes on.

    Args:
        settings: what to compute.
        folder: where.
        machine: on what.

    Returns:
        The finished run.
    """
    loaded = _cut(load_captions(settings.captions, _root(machine), unreadable=settings.unreadable), settings)
    model = make_model(settings, loaded["train"])
    parts = _ready(loaded, model, settings, machine)
    train = parts.seen["train"]
    reader = with_tower(model, parts.tower) if parts.tower is not None else model
    if settings.begin == "correlations":
        begin_with_correlations(reader, train, settings.locked)
    method = _method(reader, train, settings)
    view = View(train.name, "train", (), Examples(train.images), torch.arange(len(train.images)), shown=False)
    fabric = machine.fabric(settings.precision, folder)
    run = Run(folder, asdict(settings))
    if run.finished:
        return run
    model.to(fabric.device)
    pairs, positions = one_sentence_each(train)
    watch = PairWatcher(folder, pairs)
    if fabric.is_global_zero and not (folder / FOLDER / "before.json").is_file():
        watch.begin(reader, parts.whole["train"].images.read(positions, model.image.preprocessing.size))
        write_json(folder / FOLDER / "before.json", _measured(reader, model, parts, settings, machine)[0])
    barrier()
    chosen = judge(parts.seen["validation"]) if settings.select == "recall" else None
    trainer = settings.train(
        method, {"pairs": view}, run, fabric, machine, judge=chosen, watch=watch, title=settings.loss
    )
    if fabric.is_global_zero:
        tuned = method.model().eval()
        whole = with_tower(tuned, model.image) if parts.tower is not None else tuned
        _finish(run, tuned, whole, parts, settings, machine, trainer.seconds, str(fabric.device))
    barrier()
    return run


def make_model(settings: Aligning, train: Captions) -> DualEncoder:
    """The dual encoder that training starts from: one that is there, or encoders put together with fresh heads.

    Args:
        settings: which.
        train: the training captions, whose words make the vocabulary of a text encoder that starts from nothing.
    """
    torch.manual_seed(seed_of(settings.seed, "networks"))
    if settings.start is not None:
        return _started(settings.start, settings.weights)
    assert settings.backbone is not None
    image = make_backbone(settings.backbone, settings.weights)
    text = make_text_encoder(settings.text_encoder, train.texts)
    # Most pairs do not match, and so SigLIP begins (Zhai et al., ICCV 2023).
    scale, bias = (10.0, -10.0) if settings.loss == "siglip" else (1 / 0.07, 0.0)
    return DualEncoder(image, text, settings.width, scale=scale, bias=bias)


def _started(start: str, weights: str | None) -> DualEncoder:
    if start.startswith("open_clip/"):
        return DualEncoder.from_open_clip(start.removeprefix("open_clip/"), None if weights == "none" else weights)
    if weights is not None:
        raise LandbridgeError(f"--start {start} brings its own weights: leave out --weights")
    return DualEncoder.load(start)


def _method(model: DualEncoder, train: Captions, settings: Aligning) -> Alignment:
    torch.manual_seed(seed_of(settings.seed, "method"))
    return Alignment(
        model,
        train.texts,
        train.owner,
        settings.loss,
        classes=classes_for(model, train),
        rate=settings.rate,
        weight_decay=settings.weight_decay,
        image_rate_ratio=settings.image_rate_ratio,
        text_rate_ratio=settings.text_rate_ratio,
        warmup=settings.warmup,
        hinge_warmup=settings.hinge_warmup,
        temperature=settings.temperature,
        margin=settings.margin,
        lora=settings.lora,
        wise_ft=settings.wise_ft,
        batch_norm=settings.batch_norm,
        chunk=settings.chunk,
    )


def _root(machine: Machine) -> Path | None:
    return None if machine.data_root is None else Path(machine.data_root)


def _cut(loaded: Mapping[str, Captions], settings: Aligning) -> Mapping[str, Captions]:
    """The parts; where a checkpoint is to be chosen and none is for validation, one is cut from the training images."""
    if "train" not in loaded:
        raise BadDataError(f"{settings.captions} has no training captions: parts found are {', '.join(loaded)}")
    if settings.select != "recall" or "validation" in loaded:
        return loaded
    train = loaded["train"]
    order = torch.randperm(len(train.images), generator=torch.Generator().manual_seed(settings.seed))
    held = max(1, round(VALIDATION * len(order)))
    if len(order) - held < 2:
        raise BadDataError(f"{train.name} has {len(order)} training images, too few to hold some out: --select last")
    rest, cut = order[held:].sort().values, order[:held].sort().values
    return {**loaded, "train": train.subset(rest), "validation": replace(train.subset(cut), skipped=())}


def _ready(loaded: Mapping[str, Captions], model: DualEncoder, settings: Aligning, machine: Machine) -> Parts:
    """The parts with their images checked, in memory where they fit; and as the model reads them."""
    size, skipped = model.image.preprocessing.size, list[str]()
    whole = {}
    for name, part in loaded.items():
        whole[name], lost = readable(part, size)
        skipped += [*part.skipped, *lost]
    total = sum(len(part.images) + len(part.skipped) for part in loaded.values())
    if len(skipped) > settings.unreadable * total:
        raise BadDataError(
            f"{len(skipped)} of {total} images of {settings.captions} cannot be read (first: {skipped[0]}): mend or "
            "remove them, or allow more with --unreadable"
        )
    if not settings.locked:
        return Parts(whole, whole, None, skipped)
    store, seen = FeatureStore(quiet=machine.quiet), {}
    for name, part in whole.items():
        every = View(part.name, name, (), Examples(part.images), torch.arange(len(part.images)), shown=False)
        features = store.features(model.image, every)["output"]
        seen[name] = replace(part, images=Arrays(torch.from_numpy(features.astype("float32", copy=False))))
    return Parts(whole, seen, make_backbone(f"identity?inputs={model.image.width}"), skipped)


def readable(captions: Captions, size: tuple[int, int] | None) -> tuple[Captions, list[str]]:
    """The images that can be read, in memory where they fit, with their sentences; and the names of the others."""
    if not isinstance(captions.images, Files):
        return captions, []
    keep = size is not None and captions.images.nbytes(size) <= IN_MEMORY
    images, good = captions.images.readable(size, keep=keep)
    bad = sorted(set(range(len(captions.images))) - set(good.tolist()))
    return replace(captions.subset(good), images=images), [captions.images.named(position) for position in bad]


def _measured(
    reader: DualEncoder, model: DualEncoder, parts: Parts, settings: Aligning, machine: Machine
) -> tuple[dict[str, Any], tuple[Tensor, Tensor] | None]:
    """What a model does on the test part: retrieval, and zero-shot classes where names are known; and embeddings.

    Args:
        reader: the model as it reads `parts.seen`.
        model: the model as it reads images.
        parts: the captions.
        settings: which probe.
        machine: where data sets are.
    """
    metrics: dict[str, Any] = {}
    found = None
    if "test" in parts.seen:
        test = parts.seen["test"]
        found = embeddings(reader, test)
        metrics |= cross_retrieval(found[0].numpy(), found[1].numpy(), test.owner.numpy()).metrics()
        metrics |= {"test_images": len(test.images), "test_texts": len(test.texts)} | recipe_metrics(reader, parts.seen)
    probe = probe_view(parts, settings, machine, model)
    if probe is not None:
        metrics |= {
            "zero_shot_accuracy": zero_shot_accuracy(model, probe, settings.template),
            "zero_shot_classes": len(probe.classes),
            "zero_shot_examples": len(probe),
            "zero_shot_domain": probe.domain,
        }
    return metrics, found


def probe_view(parts: Parts, settings: Aligning, machine: Machine, model: DualEncoder) -> View | None:
    """What the zero-shot probe classifies, labels sealed.

    The domain asked for; else the classes of the test images, if known; else, where the model knew something before, a
    domain that needs no data.
    """
    if settings.probe is not None:
        name = settings.probe
    elif (own := own_classes(parts.whole.get("test"))) is not None:
        return own
    else:
        name = USUAL_PROBE if settings.start is not None and model.image.example().dim() == 4 else "none"
    if name == "none":
        return None
    return probe_domain(name, machine.data_root, model.image.preprocessing.size, settings.unreadable)


def _finish(
    run: Run,
    reader: DualEncoder,
    model: DualEncoder,
    parts: Parts,
    settings: Aligning,
    machine: Machine,
    seconds: float,
    device: str,
) -> None:
    """Measure, once, and write model, samples and numbers."""
    after, found = _measured(reader, model, parts, settings, machine)
    before = json.loads((run.folder / FOLDER / "before.json").read_text(encoding="utf-8"))
    model.save(run.folder / "model")
    if found is not None:
        _keep_samples(run.folder, *found, parts)
        if reads_recipes(model):
            keep_questions(run.folder, reader, parts.seen["test"], parts.whole["test"])
    if parts.skipped:
        write_text(run.folder / "skipped.txt", "\n".join(parts.skipped) + "\n")
    if "validation" in parts.seen:
        held = retrieval(reader, parts.seen["validation"]).metrics()
        after |= {f"validation_{name}": value for name, value in held.items()}
    row = {"captions", "backbone", "select", "seed", "steps", "options", "momentum", "ema"}
    train = parts.seen["train"]
    result = Result(
        method=settings.loss,
        source=settings.start,
        target=settings.captions,
        backbone=model.image.name,
        protocol=f"{len(train.images):,} images with {len(train.texts):,} sentences to learn from",
        selection=settings.select,
        seed=settings.seed,
        steps=settings.steps,
        device=device,
        train_seconds=round(seconds, 2),
        metrics={**after, "before": before},
        settings={name: value for name, value in asdict(settings).items() if name not in row},
        notes=[f"{len(parts.skipped)} missing or unreadable images were skipped"] * bool(parts.skipped),
        command=command_of(settings),
    )
    run.finish(result)
    run.drop_checkpoint()


def _keep_samples(folder: Path, images: Tensor, texts: Tensor, parts: Parts) -> None:
    """Queries of the test part in both directions and what they found, pictures and all."""
    told, shown = samples(images, texts, parts.seen["test"])
    size = SHOWN if isinstance(parts.whole["test"].images, Files) else None
    pictures = parts.whole["test"].images.read(shown, size)
    save_pictures(folder / FOLDER / "samples.npz", pictures)
    write_json(folder / FOLDER / "samples.json", told)


def command_of(settings: Aligning) -> str:
    """The command line that computes a run again."""
    said = asdict(settings) | {"image_encoder": settings.backbone}
    usual = asdict(Aligning(captions="", backbone="", **USUAL)) | {"image_encoder": None}
    for name in ("captions", "backbone", "options", "momentum", "ema"):
        del said[name]
    return shlex.join(["landbridge", "align", settings.captions, *flags(said, usual)])


USUAL: dict[str, Any] = {
    "batch_size": 128,
    "rate": 1e-3,
    "weight_decay": 0.1,
    "clip": 1.0,
    "select": "recall",
    "checkpoint_every": 200,
}
"""What the command does by default where a recipe does otherwise."""
