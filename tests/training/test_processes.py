"""Two processes equal one, in float64, on networks without BatchNorm and dropout.

Methods that do nothing without BatchNorm get one whose batch is that of all processes, as SyncBatchNorm's is on GPUs.
"""

import pytest
import torch

from conftest import gaussians
from landbridge.adaptation import METHODS
from landbridge.core.processes import gather, world
from methods_suite import Bench
from toy_settings import DOMAINS
from two_processes import Pair

NORMED = {"adabn", "tent"}


class NormOverAll(torch.nn.BatchNorm1d):
    """BatchNorm over the examples of all processes."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        first = world()[0] * len(x)
        return super().forward(gather(x))[first : first + len(x)] if self.training else super().forward(x)


def trained(rank: int, name: str, options: dict[str, str]) -> dict[str, torch.Tensor]:
    torch.set_default_dtype(torch.float64)
    try:
        usual = gaussians("s", (0.0, 0.0), 0.0), gaussians("t", (2.0, 0.0), 0.5)
        bench = Bench(*(DOMAINS[name]() if name in DOMAINS else usual), options=options)
        bench.rate = 0.02
        if name in NORMED:
            bench.backbone = "mlp?inputs=2&hidden=32&batch_norm=true"
        trainer = bench.trainer(steps=40)
        if torch.distributed.is_initialized():
            trainer.fabric = _joined(rank)
        cls = METHODS.resolve(name)
        method = bench.method(name, cls)
        method.backbone.preprocessing = lambda x: x.double()  # type: ignore[assignment]
        method.backbone.preprocessing.size = None  # type: ignore[attr-defined]
        if name in NORMED:
            method.backbone.network.norm1 = NormOverAll(32)
        return trainer.fit(method, bench.views(cls)).state_dict()
    finally:
        torch.set_default_dtype(torch.float32)


def _joined(rank: int) -> object:
    """A Fabric whose processes are those of the existing group."""
    from lightning.fabric import Fabric

    class Joined(Fabric):
        global_rank, world_size, is_global_zero = rank, 2, rank == 0  # type: ignore[assignment]

    return Joined(accelerator="cpu", devices=1)


@pytest.mark.parametrize(
    ("name", "options"),
    [(name, {}) for name in METHODS]
    + [
        ("dann", {"play": "turns"}),
        ("dann", {"batch_norm": "together"}),
        ("cdan-e+mcc", {}),
        ("pada", {"every": "10"}),
    ],
)
def test_two_processes_equal_one(pair: Pair, name: str, options: dict[str, str]) -> None:
    one = trained(0, name, options)
    for two in pair.run(trained, name, options):
        for key, value in one.items():
            torch.testing.assert_close(two[key], value, rtol=1e-5, atol=1e-5)
