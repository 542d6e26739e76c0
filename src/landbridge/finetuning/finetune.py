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
from landbridge.finetuning.lora import add_adapters, merged
from landbridge.losses.l2_sp import l2_sp
from landbridge.losses.mixup import mixed_cross_entropy, mixup
from landbridge.nn.backbones import Backbone, chosen_groups, copy_groups, make_backbone
from landbridge.nn.layers import evaluating, parameter_groups
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
        batch_norm: `train`, or `frozen`: BatchNorm keeps weights and statistics everywhere.
        l2_sp: weight of the distance from the copied weights, which replaces weight decay on them.
        label_smoothing: share of the label spread over all classes, in [0, 1).
        mixup: alpha of the mixtures of examples; 0 mixes none.
        dropout: share of the features hidden from the head in training, in [0, 1).
        lora: rank of what is added to the linear layers, whose own weights stay; 0 adds nothing.
        cache: with `freeze=all`, compute the features once, of the examples as they are, without augmentation.
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
        _check(backbone_lr_ratio > 0, "backbone_lr_ratio", backbone_lr_ratio, "above 0; --freeze all keeps it as it is")
        _check(0 < layer_decay <= 1, "layer_decay", layer_decay, "above 0 and at most 1")
        for name, share in (("probe", probe), ("label_smoothing", label_smoothing), ("dropout", dropout)):
            _check(0 <= share < 1, name, share, "at least 0 and below 1")
        for name, amount in (("l2_sp", l2_sp), ("mixup", mixup), ("lora", lora)):
            _check(amount >= 0, name, amount, "at least 0")
        self.backbone = _partly_copied(setup.backbone, copy)
        self.frozen = frozenset(chosen_groups(self.backbone, freeze))
        self.backbone_lr_ratio, self.layer_decay, self.unfreeze = backbone_lr_ratio, layer_decay, unfreeze
        self.probe, self.l2_sp, self.label_smoothing = probe, l2_sp, label_smoothing
        self.mixup, self.dropout, self.lora, self.cache = mixup, dropout, lora, cache
        self.kept = _norm_parameters(self.backbone) if batch_norm == "frozen" else []
        for parameter in self.kept:
            parameter.requires_grad_(False)
        if lora:
            _check(not self.frozen and not l2_sp, "lora", lora, "0 beside --freeze or l2_sp: it freezes by itself")
            self.adapters = add_adapters(self.backbone.network, lora, self.backbone.name)
        if l2_sp:
            for number, value in enumerate(self._tuned()):
                self.register_buffer(f"start_{number}", value.detach().clone())
        if cache:
            _check(len(self.frozen) == len(self.backbone.groups), "cache", cache, "false unless all groups are frozen")
            self.register_buffer("features_of", torch.zeros(setup.sizes["target"], setup.backbone.width))

    def losses(self, batch: Batch, at: Moment) -> Iterator[Losses]:
        """Cross-entropy on the target's labels, and what keeps the weights near their start."""
        target = batch["target"]
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
            turn["l2_sp"] = self.l2_sp * l2_sp(self._tuned(), self._start())
        turn.measures = {"target_train_accuracy": lambda: (logits.argmax(1) == target.y).float().mean()}
        yield turn

    def phases(self) -> Sequence[Phase]:
        """The head alone, where asked for, then all that is not frozen."""
        tune = Phase("tune", 1 - self.probe, ("target",), trains=self.trained)
        return (Phase("probe", self.probe, ("target",), trains=("head",)), tune) if self.probe else (tune,)

    def trained(self, at: Moment) -> Sequence[str]:
        """The head, and the layer groups that are free at this moment."""
        free = [name for name in self._layer_groups() if name not in self.frozen]
        if self.unfreeze == "gradual":
            free = free[len(free) - gradually(at.progress, len(free)) :]
        return ("head", *free)

    def groups(self) -> Mapping[str, Group]:
        """The head, and one group a layer group, each at its rate."""
        found = self._layer_groups()
        from_the_top = {name: depth for depth, name in enumerate(reversed(found), 1)}
        after_probe = self.backbone_lr_ratio if self.probe else 1.0
        head = self._group(list(self.head.parameters()), 1.0, after_probe)
        return {"head": head} | {
            name: self._group(parameters, self.backbone_lr_ratio * self.layer_decay ** from_the_top[name])
            for name, parameters in found.items()
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

    def _layer_groups(self) -> dict[str, list[nn.Parameter]]:
        """The parameters that may move, by layer group; what is added to frozen weights is one group."""
        if self.lora:
            return {"adapters": [p for name, p in self.backbone.named_parameters() if name in self.adapters]}
        kept = {id(parameter) for parameter in self.kept}
        every = parameter_groups(self.backbone.network, self.backbone.groups)
        movable = {name: [p for p in parameters if id(p) not in kept] for name, parameters in every.items()}
        return {name: parameters for name, parameters in movable.items() if parameters}

    def _group(self, parameters: Sequence[nn.Parameter], ratio: float, after_probe: float = 1.0) -> Group:
        setup, decay = self.setup, self.setup.weight_decay if not self.l2_sp else 0.0

        def sgd(parameters: Sequence[nn.Parameter], rate: float) -> SGD:
            return SGD(parameters, rate, setup.momentum, weight_decay=decay, fused=True)

        def schedule(at: Moment) -> float:
            return cosine_rate(at.progress) * (after_probe if at.phase == "tune" else 1.0)

        return Group(parameters, sgd, setup.rate * ratio, schedule)

    def _tuned(self) -> list[nn.Parameter]:
        free = self._layer_groups()
        return [p for name, parameters in free.items() if name not in self.frozen for p in parameters]

    def _start(self) -> list[Tensor]:
        return [self.get_buffer(f"start_{number}") for number in range(len(self._tuned()))]


def _partly_copied(backbone: Backbone, copy: str) -> Backbone:
    """The backbone, its groups that are not to be copied drawn anew."""
    copied = chosen_groups(backbone, copy)
    if len(copied) == len(backbone.groups):
        return backbone
    fresh = make_backbone(backbone.name)
    fresh.preprocessing = backbone.preprocessing
    copy_groups(backbone, fresh, copied)
    return fresh


def _norm_parameters(network: nn.Module) -> list[nn.Parameter]:
    norms = [module for module in network.modules() if isinstance(module, _BatchNorm)]
    return [parameter for norm in norms for parameter in norm.parameters()]


def _check(holds: bool, option: str, value: object, allowed: str) -> None:
    if not holds:
        raise LandbridgeError(f"--{option.replace('_', '-')} must be {allowed}, not {value}")
