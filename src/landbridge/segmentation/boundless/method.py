"""Boundless adaptation: classes that only the target has."""

import copy
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Annotated

import torch
from torch import Tensor, nn
from torch.optim import Adam, Optimizer

from landbridge.core.errors import LandbridgeError
from landbridge.core.processes import share_buffers
from landbridge.data.batches import Batch, Order, Sample, in_order
from landbridge.data.domain import View
from landbridge.data.label_maps import VOID
from landbridge.data.masks import nearest_pixels
from landbridge.data.registry import data_root
from landbridge.losses import pixel_accuracy, pixel_cross_entropy
from landbridge.nn.layers import evaluating
from landbridge.nn.preprocessing import Preprocessing
from landbridge.nn.segmenter_model import Segmenter
from landbridge.segmentation import METHODS
from landbridge.segmentation.base import SegmentationMethod, SegmentationSetup, labelled_pixels
from landbridge.segmentation.boundless.classes import ClassSpace
from landbridge.segmentation.boundless.descriptions import ATTRIBUTES, conditions, load_descriptions
from landbridge.segmentation.boundless.generator import FeatureGenerator, features_by_class, generation_loss
from landbridge.segmentation.boundless.pseudo_labels import Shares, trust, trusted_labels
from landbridge.segmentation.boundless.widening import take_over, widened
from landbridge.training.method import Domains, Group, Losses, Moment, Phase
from landbridge.training.options import Range, make_method, options_of

GENERATION, CLASSIFICATION, SELF_TRAINING = "generation", "classification", "boundless-self-training"
"""Names of the phases behind those of the adapting method."""

SPLIT = {GENERATION: 0.2, CLASSIFICATION: 0.3, SELF_TRAINING: 0.5}
"""How the steps after adaptation are shared out."""

AT_ONCE = 8
"""Images a forward pass, where all of the target is looked at."""


class Boundless(SegmentationMethod):
    """Find classes of which the source has no label, by what is said of them.

    f = C o F: F makes features of pixels, C tells the class of each. S are the shared classes; P the private ones,
    whose pixels are void in the source; a[c] is what is said of class c.

        1. adaptation:      F, C over S by an ordinary method, such as AdvEnt:
                            min over f of  L_seg(f(x_s), y_s) + terms(f(x_s), f(x_t))
        2. generation:      min over G of  sum over c in S of  MMD^2(F(pixels of c), G(a[c], z)),   z ~ N(0, I)
        3. classification:  min over C over S and P of  CE on F(x_s), y_s  +  CE on G(a[c], z), c   for c in P
        4. self-training:   min over f of  L_seg(f(x_s), y_s) + L_seg(f(x_t), y'),   y' as `trust` says

    With `adaptation=source-only`, 1 to 3 are ZS3Net (Bucher et al., NeurIPS 2019: it trains a segmenter on seen
    classes, a moment-matching generator on their features, then the last layer on real features of seen and generated
    ones of unseen classes), and 4 its self-training, both made for one domain. With an adapting method they are the
    framework of BUDA (Bucher et al., arXiv:2004.01130): domain adaptation, zero-shot learning, then self-training on
    the target's pseudo-labels.

    What the papers leave open, or where this departs from them:

    - BUDA's program was not published. Only its abstract was at hand here, so that the order of the parts is the
      paper's, and the equations of 2 to 4 are ZS3Net's; its own terms for aligning shared classes alone are not
      reproduced. Any method of this setting may adapt.
    - ZS3Net's program lays generated features out after the unseen classes' own labels, and trains the classifier by
      them (its issues 1, 4 and 6 ask about that). Here no label of a private class is ever seen: a private class gets
      a map of features of its own, and counts as much as a shared class does on average, times `private_weight`.
    - Source and target pass through BatchNorm together while the network adapts: the generator learns from the source's
      features, which must be those that the adapted network makes of the target's.
    - Which pixels of the target are labelled: `least` is ours; see `trust`.
    - In 4 the whole network learns, without generated features, which would be stale as F moves. Shared classes get
      pseudo-labels too, since the domains differ; in ZS3Net's single domain only unseen classes do.
    - Step counts: `adaptation_steps` of all, the rest shared out 2 : 3 : 5.

    Args:
        setup: the set-up; `private` names the classes that only the target has.
        signatures: what is said of the classes: `attributes`, a CSV, `words:FILE`; see `load_descriptions`.
        adaptation: name of the method of this setting that comes first, with its default options.
        adaptation_steps: share of the steps that it gets, in (0, 1).
        private_weight: factor on the generated features' part of the loss.
        self_training: whether there is step 4; without it, its steps go to the others.
        shared_share: of the pixels that are called a shared class, the share that is labelled so; half, the most that
            class-balanced self-training takes (Zou et al., ECCV 2018).
        private_share: of the pixels that are called a private class, the share that is labelled so; as for shared ones
            by default, since there is no label of a private class to choose another by.
        least: the share of all of the target's pixels that is labelled each private class at least; less than the class
            may be supposed to cover.
        every: steps of a round, for which labels are by one and the same network; 0 is a single round, as in ZS3Net,
            which labels once and then trains.
        turns: steps of the generator and of the classifier for each batch.
        features: of a class, which the generator is compared on a turn.
        hidden: width of the generator's hidden layer.
        generator_rate: its learning rate, by Adam.

    Raises:
        BadDataError: no class is private, or one is not described.
        LandbridgeError: a value out of its range, or a method that cannot come first.
    """

    paper = "Bucher et al., arXiv:2004.01130 (BUDA); NeurIPS 2019 (ZS3Net)"
    thresholds: Tensor

    def __init__(
        self,
        setup: SegmentationSetup,
        signatures: str = ATTRIBUTES,
        adaptation: str = "advent",
        adaptation_steps: Annotated[float, Range(0.3, 0.8)] = 0.5,
        private_weight: Annotated[float, Range(0.3, 10, log=True)] = 1.0,
        self_training: bool = True,
        shared_share: Annotated[float, Range(0, 0.9)] = 0.5,
        private_share: Annotated[float, Range(0.1, 0.9)] = 0.5,
        least: Annotated[float, Range(0.0005, 0.02, log=True)] = 0.002,
        every: int = 0,
        turns: int = 4,
        features: int = 64,
        hidden: int = 256,
        generator_rate: Annotated[float, Range(1e-4, 1e-2, log=True)] = 0.001,
    ) -> None:
        nn.Module.__init__(self)
        _check(adaptation_steps, private_weight, shared_share, private_share, least, every, turns, features)
        self.setup, self.space = setup, ClassSpace(setup.classes, setup.private)
        self.adaptation_steps, self.self_training, self.every = adaptation_steps, self_training, every
        self.private_weight, self.generator_rate = private_weight, generator_rate
        self.shares, self.turns, self.most = Shares(shared_share, private_share, least), turns, features
        said = load_descriptions(signatures, self.space, data_root(setup.data_root))
        described = conditions(said, self.space)
        self.notes = (f"what boundless knows of {', '.join(self.space.private)}: {said.kind}, {said.source}",)
        self.adapting = _first(adaptation, setup)
        self.views = self.adapting.views
        self.network = widened(setup.network, len(self.space.private))
        self.generator = FeatureGenerator(described, self.network.width, hidden)
        self.labeller = copy.deepcopy(self.network).requires_grad_(False).eval()
        self.register_buffer("thresholds", torch.full((len(self.space.every),), torch.inf))

    def preprocessing(self, name: str) -> Preprocessing:
        """As the adapting method's network wants its images."""
        return self.adapting.preprocessing(name)

    def drawn(self, name: str, view: View, seed: int) -> Order | None:
        """That of the adapting method."""
        return self.adapting.drawn(name, view, seed)

    def groups(self) -> Mapping[str, Group]:
        """Those of the adapting method; and the widened network, its classifier apart, and the generator."""
        last = list(self.network.head.parameters())
        known = {id(parameter) for parameter in last}
        below = {
            f"wide {name}": replace(group, parameters=[p for p in group.parameters if id(p) not in known])
            for name, group in self.network_groups().items()
        }
        adam = Group(list(self.generator.parameters()), _adam, self.generator_rate, lambda at: 1.0)
        wide = {name: group for name, group in below.items() if group.parameters}
        return {**self.adapting.groups(), **wide, "classifier": self.group(self.network.head), "generator": adam}

    def phases(self) -> Sequence[Phase]:
        """Those of the adapting method, then the three that are about private classes."""
        first = self.adapting.phases()
        total, all_of_it = sum(phase.share for phase in first), tuple(self.adapting.groups())
        before = [
            replace(
                phase,
                share=self.adaptation_steps * phase.share / total,
                trains=all_of_it if phase.trains is None else phase.trains,
            )
            for phase in first
        ]
        wide = tuple(name for name in self.groups() if name.startswith("wide "))
        split = {name: part for name, part in SPLIT.items() if self.self_training or name != SELF_TRAINING}
        each = (1 - self.adaptation_steps) / sum(split.values())
        after = [
            Phase(GENERATION, split[GENERATION] * each, ("source",), ("generator",)),
            Phase(CLASSIFICATION, split[CLASSIFICATION] * each, ("source",), ("classifier",)),
        ]
        if self.self_training:
            share, inputs = split[SELF_TRAINING] * each, ("source", "target")
            after.append(Phase(SELF_TRAINING, share, inputs, (*wide, "classifier"), refresh_every=self.every or None))
        return (*before, *after)

    def begin(self, domains: Domains, at: Moment) -> None:
        """The adapting method's; then the widened network takes over its weights, and a single round begins."""
        if at.phase == GENERATION:
            take_over(self.network, self.adapting.model().network)
        elif at.phase == SELF_TRAINING and not self.every:
            self._begin_round(domains)
        elif at.phase not in SPLIT:
            self.adapting.begin(domains, at)

    def after_step(self, at: Moment) -> None:
        """That of the adapting method."""
        if at.phase not in SPLIT:
            self.adapting.after_step(at)

    def losses(self, batch: Batch, at: Moment) -> Iterator[Losses]:
        """Those of the adapting method; later the three losses of the class."""
        if at.phase == GENERATION:
            yield from self._generation(batch["source"])
        elif at.phase == CLASSIFICATION:
            yield from self._classification(batch["source"])
        elif at.phase == SELF_TRAINING:
            yield self._self_training(batch["source"], batch["target"])
        else:
            yield from self.adapting.losses(batch, at)

    def refresh(self, domains: Domains, at: Moment) -> None:
        """A new round of self-training; elsewhere what the adapting method does."""
        if at.phase == SELF_TRAINING:
            self._begin_round(domains)
        else:
            self.adapting.refresh(domains, at)

    @torch.no_grad()
    def _begin_round(self, domains: Domains) -> None:
        """Labels are from now on those of the network as it is now, by thresholds of its own."""
        self.labeller.load_state_dict(self.network.state_dict())
        with evaluating(self.labeller):
            batches = in_order(domains["target"], self.preprocessing("target"), AT_ONCE)
            told = torch.cat([self._told(x.to(self.thresholds.device)) for x in batches])
        self.thresholds.copy_(trust(told, self.space, self.shares))
        # The statistics of BatchNorm, and so what is trusted, may differ from process to process.
        share_buffers(self)

    def model(self) -> Segmenter:
        """The widened network: it tells all classes of the target."""
        return Segmenter(self.network, self.space.every)

    def _told(self, x: Tensor) -> Tensor:
        """Probabilities [pixels, K + P] at the features' own size."""
        probabilities: Tensor = self.labeller.head(self.labeller.features(x)).softmax(1)
        return probabilities.movedim(1, -1).flatten(0, 2)

    @torch.no_grad()
    def _real(self, source: Sample) -> tuple[Tensor, Tensor]:
        """The source's features [n, D, h, w], and the class of each [n, h, w]."""
        maps = self.network.features(source.x)
        return maps, nearest_pixels(source.y, (maps.shape[2], maps.shape[3]))

    def _generation(self, source: Sample) -> Iterator[Losses]:
        maps, labels = self._real(source)
        for _ in range(self.turns):
            yield Losses(generation=generation_loss(self.generator, features_by_class(maps, labels, self.most)))

    def _classification(self, source: Sample) -> Iterator[Losses]:
        maps, labels = self._real(source)
        known, new = len(labels[labels != VOID].unique()), self.private_weight * len(self.space.private)
        classes = torch.tensor(self.space.private_numbers, device=labels.device)
        wanted = classes.view(-1, 1, 1).expand(-1, *labels.shape[1:])
        for _ in range(self.turns):
            with evaluating(self.generator):
                made = self.generator.maps(classes, (maps.shape[2], maps.shape[3]))
            real, generated = self.network.head(torch.cat([maps, made])).split([len(maps), len(made)])
            yield Losses(
                real=pixel_cross_entropy(real, labels) * known / (known + new),
                generated=pixel_cross_entropy(generated, wanted) * new / (known + new),
                measures={"source_accuracy": partial(pixel_accuracy, real.detach(), labels)},
            )

    def _self_training(self, source: Sample, target: Sample) -> Losses:
        with evaluating(self.labeller):
            labels = trusted_labels(self.labeller(target.x).softmax(1), self.thresholds, self.space)
        levels = [
            level.split([len(source), len(target)]) for level in self.network.levels(torch.cat([source.x, target.x]))
        ]
        ours, theirs = zip(*levels)
        private = (labels >= len(self.space.shared)) & (labels != VOID)
        return Losses(
            classification=labelled_pixels(ours, source.y),
            pseudo_labels=labelled_pixels(theirs, labels),
            measures={
                "labelled": lambda: (labels != VOID).float().mean(),
                "labelled_private": lambda: private.float().mean(),
            },
        )


def _first(name: str, setup: SegmentationSetup) -> SegmentationMethod:
    """The method that adapts the network over the shared classes."""
    kind = METHODS.resolve(name)
    if issubclass(kind, Boundless) or kind.oracle:
        raise LandbridgeError(f"boundless: adaptation is a method that needs no label of the target, not '{name}'")
    told = {"batch_norm": "together"} if "batch_norm" in options_of(kind) else {}
    method = make_method(name, kind, setup, told)
    assert isinstance(method, SegmentationMethod)
    return method


def _adam(parameters: Sequence[nn.Parameter], rate: float) -> Optimizer:
    return Adam(parameters, rate)


def _check(
    adaptation_steps: float,
    private_weight: float,
    shared_share: float,
    private_share: float,
    least: float,
    every: int,
    turns: int,
    features: int,
) -> None:
    if not 0 < adaptation_steps < 1 or private_weight <= 0 or every < 0 or turns < 1 or features < 2:
        raise LandbridgeError(
            "boundless takes adaptation_steps in (0, 1), private_weight above 0, every of at least 0, turns of at "
            f"least 1, features of at least 2; not {adaptation_steps}, {private_weight}, {every}, {turns}, {features}"
        )
    if not 0 <= shared_share <= 1 or not 0 <= private_share <= 1 or not 0 < least < 1:
        raise LandbridgeError(
            "boundless takes shared_share and private_share in [0, 1] and least in (0, 1); not "
            f"{shared_share}, {private_share}, {least}"
        )
