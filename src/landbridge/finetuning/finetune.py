"""Fine-tuning: a copied network, a new head, and how far each may move."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.modules.batchnorm import _BatchNorm
from torch.optim import SGD

from landbridge.core.errors import LandbridgeError
from landbridge.data.batches import Batch, in_order
from landbridge.losses.l2_sp import l2_sp
from landbridge.losses.mixup import mixed_cross_entropy, mixup
from landbridge.nn.backbones import Backbone, chosen_groups, copy_groups, make_backbone
from landbridge.nn.layers import evaluating, parameter_groups
from landbridge.nn.lora import add_adapters, merged
from landbridge.nn.models import Classifier
from landbridge.training.method import Domains, Group, Losses, Method, Moment, Phase, Setup
from landbridge.training.options import Range
from landbridge.training.schedules import cosine_rate, gradually


class FineTune(Method):
    """Copy a trained network, put a new head on top, and train on the few labels of the target.

        min over theta, w of  CE(w(F_theta(x)), y) + l2_sp / 2 ||theta - theta_0||^2

    Which layer groups are copied, which stay frozen, how fast the others move and when they begin to are choices of
    their own, all read from the backbone's one map of layer groups. Rates follow a cosine down to 0.

    Args:
        setup: the set-up; its backbone is the network to copy from.
        copy: the layer groups to copy, the others start from random weights: `all`, `none`, n for the first n,
            `last:n`, or names with commas.
        freeze: the layer groups that never move, statistics of their BatchNorm included; said likewise.
        backbone_lr_ratio: rate of the backbone's layers over that of the head, > 0.
        layer_decay: each group's rate over that of the group above it, in (0, 1].
        unfreeze: `at-once`; or `gradual`, from the top group down, over the first half of the phase.
        probe: share of the steps in which the head learns alone, before all train at the backbone's rate; in [0, 1).
        batch_norm: `train`; or `frozen`: BatchNorm of the copied groups keeps its weights and statistics, which few
            examples would spoil. That takes small rates: nothing then rescales what large steps blow up.
        l2_sp: weight of the distance of the copied weights from what they were, which replaces weight decay on them.
        label_smoothing: share of the label spread over all classes, in [0, 1).
        mixup: alpha of the mixtures of examples (with `cache`, of their features); 0 mixes none.
        dropout: share of the features hidden from the head in training, in [0, 1).
        lora: rank of what is added to the linear layers, while all copied weights and statistics stay; 0 adds nothing.
        cache: with `freeze=all`, compute the features once, of the examples as they are, without augmentation.

    Raises:
        LandbridgeError: a value out of its range, options that exclude each other, or layer groups that are not there.
    """

    needs = {"target": "labelled"}
    features_of: Tensor

    def __init__(
        self,
        setup: Setup,
        copy: str = "all",
        freeze: str = "none",
        backbone_lr_ratio: Annotated[float, Range(0.01, 1, log=True)] = 1.0,
        layer_decay: Annotated[float, Range(0.5, 1)] = 1.0,
        unfreeze: Literal["at-once", "gradual"] = "at-once",
        probe: float = 0.0,
        batch_norm: Literal["train", "frozen"] = "train",
        l2_sp: float = 0.0,
        label_smoothing: Annotated[float, Range(0, 0.3)] = 0.0,
        mixup: Annotated[float, Range(0, 1)] = 0.0,
        dropout: Annotated[float, Range(0, 0.8)] = 0.0,
        lora: int = 0,
        cache: bool = False,
    ) -> None:
        super().__init__(setup)
        _check(backbone_lr_ratio > 0, "backbone_lr_ratio", backbone_lr_ratio, "above 0", "; freeze=all holds it still")
        _check(0 < layer_decay <= 1, "layer_decay", layer_decay, "above 0 and at most 1")
        for name, share in (("probe", probe), ("label_smoothing", label_smoothing), ("dropout", dropout)):
            _check(0 <= share < 1, name, share, "at least 0 and below 1")
        for name, amount in (("l2_sp", l2_sp), ("mixup", mixup), ("lora", lora)):
            _check(amount >= 0, name, amount, "at least 0")
        copied = chosen_groups(setup.backbone, copy)
        self.backbone = _partly_copied(setup.backbone, copied)
        self.frozen = chosen_groups(self.backbone, freeze)
        self.backbone_lr_ratio, self.layer_decay, self.unfreeze = backbone_lr_ratio, layer_decay, unfreeze
        self.probe, self.l2_sp, self.label_smoothing = probe, l2_sp, label_smoothing
        self.mixup, self.dropout, self.lora, self.cache = mixup, dropout, lora, cache
        self.still = _norms(self.backbone, copied) if lora or batch_norm == "frozen" else []
        for norm in self.still:
            norm.requires_grad_(False)
        if lora:
            alone = not (self.frozen or l2_sp or unfreeze == "gradual") and layer_decay == 1
            _check(
                alone, "lora", lora, "0 beside freeze, unfreeze, layer_decay and l2_sp", ": it is one group by itself"
            )
            self.movable = {"adapters": add_adapters(self.backbone.network, lora, self.backbone.name)}
        else:
            every = parameter_groups(self.backbone.network, self.backbone.groups)
            self.movable = {group: [p for p in every[group] if p.requires_grad] for group in every}
        self.held = [group for group in copied if group not in self.frozen] if l2_sp else []
        if l2_sp:
            _check(any(self.movable[group] for group in self.held), "l2_sp", l2_sp, "0 where nothing copied moves")
            for number, weights in enumerate(self._held_weights()):
                self.register_buffer(f"start_{number}", weights.detach().clone())
        if cache:
            _check(len(self.frozen) == len(self.backbone.groups), "cache", cache, "false unless freeze=all")
            if "target" not in setup.sizes:
                raise LandbridgeError("cache needs the number of the target's examples: Setup(sizes={'target': N})")
            self.register_buffer("features_of", torch.zeros(setup.sizes["target"], self.backbone.width))

    def losses(self, batch: Batch, at: Moment) -> Iterator[Losses]:
        """Cross-entropy on the target's labels, and what keeps the weights near their start."""
        target = batch["target"]
        if not self.cache:
            self._hold_still(at)
        x = self.features_of[target.index] if self.cache else target.x
        mixture = mixup(x, self.mixup) if self.mixup else None
        x = mixture.x if mixture else x
        logits = self.head(F.dropout(x if self.cache else self.backbone(x), self.dropout, self.training))
        if mixture:
            classification = mixed_cross_entropy(logits, target.y, mixture, self.label_smoothing)
        else:
            classification = F.cross_entropy(logits, target.y, label_smoothing=self.label_smoothing)
        turn = Losses(classification=classification)
        if self.l2_sp and at.phase != "probe":
            start = [self.get_buffer(f"start_{number}") for number in range(len(self._held_weights()))]
            turn["l2_sp"] = self.l2_sp * l2_sp(self._held_weights(), start)
        turn.measures = {"target_train_accuracy": lambda: (logits.argmax(1) == target.y).float().mean()}
        yield turn

    def phases(self) -> Sequence[Phase]:
        """The head alone, where asked for, then all that is not frozen."""
        tune = Phase("tune", 1 - self.probe, ("target",), trains=self.trained)
        return (Phase("probe", self.probe, ("target",), trains=self.trained), tune) if self.probe else (tune,)

    def trained(self, at: Moment) -> Sequence[str]:
        """The head, and the layer groups that are free at this moment, by their names in `groups`."""
        return ("head", *(_named(group) for group in self._free(at) if self.movable[group]))

    def groups(self) -> Mapping[str, Group]:
        """The head, and one group a layer group, each at its rate."""
        from_the_top = {group: depth for depth, group in enumerate(reversed(self.movable), 1)}
        decay = self.setup.weight_decay
        head = self._group(list(self.head.parameters()), 1.0, decay, self.backbone_lr_ratio if self.probe else 1.0)
        return {"head": head} | {
            _named(group): self._group(
                parameters,
                self.backbone_lr_ratio * self.layer_decay ** from_the_top[group],
                0.0 if group in self.held else decay,
            )
            for group, parameters in self.movable.items()
            if parameters
        }

    def begin(self, domains: Domains, at: Moment) -> None:
        """The features of all examples, where they are computed once."""
        if self.cache:
            with evaluating(self.backbone):
                device = self.features_of.device
                parts = [self.backbone(x.to(device)) for x in in_order(domains["target"], self.backbone.preprocessing)]
            self.features_of = torch.cat(parts)

    def model(self) -> Classifier:
        """The tuned network and its head; low-rank additions are added to the weights."""
        backbone = merged(self.backbone) if self.lora else self.backbone
        return Classifier(backbone, self.head, self.setup.classes)

    def _free(self, at: Moment) -> list[str]:
        """The layer groups that may move at this moment."""
        if at.phase == "probe":
            return []
        free = [group for group in self.movable if group not in self.frozen]
        return free if self.unfreeze == "at-once" else free[len(free) - gradually(at.progress, len(free)) :]

    def _hold_still(self, at: Moment) -> None:
        """Evaluation mode for what is frozen now. The trainer goes by weights, and a BatchNorm may be without any."""
        for norm in self.still:
            norm.eval()
        free = self.backbone.groups if self.lora else self._free(at)
        for group, layers in self.backbone.groups.items():
            for layer in layers if group not in free else ():
                self.backbone.network.get_submodule(layer).eval()

    def _held_weights(self) -> list[nn.Parameter]:
        """What `l2_sp` draws back: the weights that were copied and may move."""
        return [parameter for group in self.held for parameter in self.movable[group]]

    def _group(
        self, parameters: Sequence[nn.Parameter], ratio: float, weight_decay: float, after_probe: float = 1.0
    ) -> Group:
        def sgd(parameters: Sequence[nn.Parameter], rate: float) -> SGD:
            return SGD(parameters, rate, self.setup.momentum, weight_decay=weight_decay, fused=True)

        def schedule(at: Moment) -> float:
            return cosine_rate(at.progress) * (after_probe if at.phase == "tune" else 1.0)

        return Group(parameters, sgd, self.setup.rate * ratio, schedule)


def _named(group: str) -> str:
    """A layer group among the method's groups, where one that is called `head` must not stand for the head."""
    return f"backbone.{group}"


def _norms(backbone: Backbone, groups: Sequence[str]) -> list[nn.Module]:
    """The BatchNorms of some layer groups."""
    layers = [backbone.network.get_submodule(layer) for group in groups for layer in backbone.groups[group]]
    return [module for layer in layers for module in layer.modules() if isinstance(module, _BatchNorm)]


def _partly_copied(backbone: Backbone, copied: Sequence[str]) -> Backbone:
    """The backbone, its groups that are not to be copied drawn anew."""
    anew = [group for group in backbone.groups if group not in copied]
    if not anew:
        return backbone
    fresh, again = (make_backbone(backbone.name) for _ in range(2))
    one, other = (parameter_groups(made.network, backbone.groups) for made in (fresh, again))
    pairs = [pair for group in anew for pair in zip(one[group], other[group]) if pair[0].dim() > 1]
    if pairs and all(torch.equal(first, second) for first, second in pairs):
        raise LandbridgeError(
            f"'{backbone.name}' has the same weights each time it is made, so no layer of it can start from random "
            "ones: name a network without weights and give those with --weights"
        )
    fresh.preprocessing = backbone.preprocessing
    copy_groups(backbone, fresh, copied)
    return fresh


def _check(holds: bool, option: str, value: object, allowed: str, why: str = "") -> None:
    if not holds:
        raise LandbridgeError(f"--{option.replace('_', '-')} must be {allowed}, not {value}{why}")
