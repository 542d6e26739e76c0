"""Test-time adaptation by entropy minimisation."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Annotated

import torch
from torch import Tensor, nn
from torch.optim import Adam

from landbridge.core.errors import BadDataError, LandbridgeError
from landbridge.data.batches import Batch
from landbridge.losses import conditional_entropy
from landbridge.nn.backbones import Backbone
from landbridge.nn.models import Classifier
from landbridge.training.adabn import batch_norms, estimate_statistics
from landbridge.training.method import Domains, Group, Losses, Method, Moment, Phase, Setup
from landbridge.training.options import Range
from landbridge.training.supervised import classification, source_phase


class Tent(Method):
    """Train on the source, then let nothing move but BatchNorm, towards sure predictions on the target.

        1. min over theta of        CE(C(F(x_s)), y_s)
        2. min over gamma, beta of  1/n sum_i H(softmax(C(F(x_t)))),

    gamma and beta the factors and shifts of BatchNorm's channels. In phase 2 no example of the source is seen, and each
    batch is normalised by its own statistics. By Adam at a fixed rate, as in the paper on all but ImageNet.

    The paper predicts each batch as it comes, by that batch's statistics. A model that is kept must predict a single
    picture too, so this one goes by the target's running statistics: they are first taken from the whole target, as
    AdaBN does, and then follow the batches. `adapt_online` is the paper's way, for a model that is finished.

    Args:
        setup: the set-up.
        rate: of phase 2.

    Raises:
        LandbridgeError: the backbone has no BatchNorm with factors and shifts.
    """

    paper = "Wang et al., ICLR 2021, section 3"
    adapting: Tensor

    def __init__(self, setup: Setup, rate: Annotated[float, Range(1e-4, 1e-2, log=True)] = 1e-3) -> None:
        super().__init__(setup)
        self.rate = rate
        factors_and_shifts(self.backbone)
        # Which of the two optimisers moves factors and shifts: a buffer, so that a resumed run knows.
        self.register_buffer("adapting", torch.tensor(False))

    def phases(self) -> Sequence[Phase]:
        """Source training, then BatchNorm on the target alone."""
        first = replace(source_phase(), trains=("norms", "backbone", "head"))
        return (first, Phase("target", inputs=("target",), trains=("norms",)))

    def groups(self) -> Mapping[str, Group]:
        """The factors and shifts apart from the rest; in the second phase they have an optimiser of their own."""
        groups = super().groups()
        moved = factors_and_shifts(self.backbone)
        ours = {id(parameter) for parameter in moved}
        norms = replace(groups["backbone"], parameters=moved)
        if self.adapting:
            norms = Group(moved, partial(Adam, fused=True), self.rate, lambda at: 1.0)
        rest = [parameter for parameter in groups["backbone"].parameters if id(parameter) not in ours]
        return {**groups, "backbone": replace(groups["backbone"], parameters=rest), "norms": norms}

    def begin(self, domains: Domains, at: Moment) -> None:
        """In the second phase: the target's statistics take the place of the source's."""
        if at.phase == "target":
            self.adapting.fill_(True)
            estimate_statistics(self.backbone, domains["target"], self.preprocessing("target"))

    def losses(self, batch: Batch, at: Moment) -> Iterator[Losses]:
        """Classification of the source; later the entropy on the target."""
        if at.phase == "source":
            yield classification(self, batch["source"])
        else:
            yield Losses(entropy=conditional_entropy(self.head(self.backbone(batch["target"].x))))


def adapt_online(model: Classifier, batches: Iterable[Tensor], rate: float = 1e-3) -> Iterator[Tensor]:
    """Predict batch after batch with a finished model, which adapts to what it sees: no label, no source, one pass.

    Each batch passes once, normalised by its own statistics; its predictions are given back, and a step on their
    entropy is made, which the next batch profits from (Wang et al., ICLR 2021, section 3.3).

    Args:
        model: the model, changed in place; it can be saved and used on when the batches are over.
        batches: raw inputs, as `Classifier.predict` takes them, at least 2 a batch. Mix the classes: the statistics of
            a batch stand for those of all that is to come, and large batches (64 or more) do so better.
        rate: Adam's learning rate, > 0.

    Yields:
        Probabilities of each batch [n, classes].

    Raises:
        LandbridgeError: the model has no BatchNorm, or does not answer with one of its classes.
        BadDataError: a batch of a single example.

    >>> from landbridge.nn.backbones import make_backbone
    >>> from landbridge.nn.heads import Head
    >>> backbone = make_backbone("ganin-mnist?batch_norm=true")
    >>> model = Classifier(backbone, Head(backbone.width, (), 2), ("cat", "dog"))
    >>> pictures = torch.zeros(8, 1, 28, 28, dtype=torch.uint8)
    >>> [told.shape for told in adapt_online(model, pictures.split(4))]
    [torch.Size([4, 2]), torch.Size([4, 2])]
    """
    if model.answers != "one":
        raise LandbridgeError("TENT adapts models that answer with one of their classes, and this one does not")
    moved = [parameter.requires_grad_() for parameter in factors_and_shifts(model.backbone)]
    optimiser, device = Adam(moved, rate), moved[0].device
    for inputs in batches:
        if len(inputs) < 2:
            raise BadDataError("TENT normalises by the batch: give it at least 2 examples at once")
        model.eval()
        for norm in batch_norms(model.backbone, model.backbone.name):
            norm.train()
        logits = model(model.preprocessing(inputs.to(device)))
        conditional_entropy(logits).backward(inputs=moved)
        optimiser.step()
        optimiser.zero_grad()
        model.eval()
        yield logits.detach().softmax(1).cpu()


def factors_and_shifts(backbone: Backbone) -> list[nn.Parameter]:
    """Gamma and beta of every BatchNorm of a backbone.

    Raises:
        LandbridgeError: there are none.
    """
    norms = batch_norms(backbone, backbone.name)
    found = [parameter for norm in norms for parameter in norm.parameters(recurse=False)]
    if not found:
        raise LandbridgeError(
            f"BatchNorm of backbone '{backbone.name}' has no factors and shifts, all that TENT moves: name another one"
        )
    return found
