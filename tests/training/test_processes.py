"""Two processes equal one, in float64, on networks without BatchNorm and dropout."""

import pytest
import torch

from conftest import gaussians
from landbridge.adaptation import METHODS
from methods_suite import Bench
from two_processes import Pair


def trained(rank: int, name: str, options: dict[str, str]) -> dict[str, torch.Tensor]:
    torch.set_default_dtype(torch.float64)
    try:
        bench = Bench(gaussians("s", (0.0, 0.0), 0.0), gaussians("t", (2.0, 0.0), 0.5), options=options)
        bench.rate = 0.02
        trainer = bench.trainer(steps=40)
        if torch.distributed.is_initialized():
            trainer.fabric = _joined(rank)
        cls = METHODS.resolve(name)
        method = bench.method(name, cls)
        method.backbone.preprocessing = lambda x: x.double()  # type: ignore[assignment]
        method.backbone.preprocessing.size = None  # type: ignore[attr-defined]
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
    + [("dann", {"play": "turns"}), ("dann", {"batch_norm": "together"}), ("cdan-e+mcc", {})],
)
def test_two_processes_equal_one(pair: Pair, name: str, options: dict[str, str]) -> None:
    one = trained(0, name, options)
    for two in pair.run(trained, name, options):
        for key, value in one.items():
            torch.testing.assert_close(two[key], value, rtol=1e-5, atol=1e-5)
