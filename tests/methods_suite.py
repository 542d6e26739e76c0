"""How the tests make, train and look at a method of any setting."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from lightning.fabric import Fabric

from landbridge.data.batches import seed_of
from landbridge.data.domain import Domain, View
from landbridge.nn.backbones import make_backbone
from landbridge.nn.heads import Head
from landbridge.runs import Run
from landbridge.training.method import Method, Setup
from landbridge.training.options import make_method
from landbridge.training.trainer import Trainer


@dataclass
class Bench:
    """A small problem on which any method of adaptation can run in a second."""

    source: Domain
    target: Domain
    backbone: str = "mlp?inputs=2&hidden=32"
    hidden: tuple[int, ...] = ()
    rate: float = 0.05
    steps: int = 300
    options: dict[str, Any] = field(default_factory=dict)

    def method(self, name: str, cls: type[Method], seed: int = 0) -> Method:
        torch.manual_seed(seed_of(seed, "networks"))
        backbone = make_backbone(self.backbone)
        backbone.discriminator_hidden = (32,)
        head = Head(backbone.width, self.hidden, len(self.source.classes))
        sizes = {name: len(view) for name, view in self.views(cls).items()}
        setup = Setup(backbone, head, self.source.classes, sizes, rate=self.rate, groups=self.source.groups)
        return make_method(name, cls, setup, self.options)

    def views(self, cls: type[Method]) -> dict[str, View]:
        sides = {"source": self.source, "target": self.target}
        return {
            n: sides[n].unlabelled() if kind == "unlabelled" else sides[n].labelled() for n, kind in cls.needs.items()
        }

    def trainer(self, folder: Path | None = None, **changes: Any) -> Trainer:
        fabric = Fabric(accelerator="cpu", devices=1)
        run = Run(folder, {"bench": True}) if folder else None
        settings = {"steps": self.steps, "batch_size": 32, "checkpoint_every": 25, "log_every": 25} | changes
        return Trainer(fabric, run=run, **settings)

    def train(self, name: str, cls: type[Method], folder: Path | None = None, seed: int = 0, **changes: Any) -> Method:
        return self.trainer(folder, seed=seed, **changes).fit(self.method(name, cls, seed), self.views(cls))
