"""Phases that several methods share are computed once in a comparison and found again by their content."""

import hashlib
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

from landbridge.core.files import atomic_path
from landbridge.training.method import Domains, Method, Phase


class PhaseStore:
    """The result of one phase, kept by what it is a function of: weights at the start, examples, and settings.

    Args:
        folder: where results are kept; None keeps none.
        phase: the phase; without a `recipe` nothing is kept.
        domains: the views it trains on.
        facts: all else that its result depends on (steps, seed, precision, ...), as plain data.
        fresh: compute it even where it is there already, since somebody looks on.
    """

    def __init__(
        self, folder: Path | None, phase: Phase, domains: Domains, facts: tuple[object, ...], *, fresh: bool = False
    ) -> None:
        self.folder, self.phase, self.domains, self.facts, self.fresh = folder, phase, domains, facts, fresh
        self.file: Path | None = None

    def open(self, method: Method) -> None:
        """Find out the name of the result; to be called before the phase changes anything."""
        trains = self.phase.trains
        if self.folder is None or self.phase.recipe is None or trains is None or callable(trains):
            return
        setup, digest = method.setup, hashlib.blake2b(digest_size=16)
        digest.update(repr((self.phase.recipe, self.facts, setup.rate, setup.momentum, setup.weight_decay)).encode())
        for name in self.phase.inputs:
            view = self.domains[name]
            digest.update(repr((view.domain, view.split, len(view), method.preprocessing(name))).encode())
            digest.update(view.index.numpy().tobytes())
        for name, value in self._state(method).items():
            digest.update(
                name.encode() + value.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().tobytes()
            )
        self.file = self.folder / f"{digest.hexdigest()}.safetensors"

    @property
    def found(self) -> bool:
        """Whether the result of this very phase is already there."""
        return not self.fresh and self.file is not None and self.file.is_file()

    def load(self, method: Method) -> bool:
        """Put the result into the method, if there is one; says whether it did."""
        if not self.found:
            return False
        assert self.file is not None
        method.load_state_dict(load_file(self.file), strict=False)
        return True

    def save(self, method: Method) -> None:
        """Keep what the phase trained."""
        if self.file is not None:
            with atomic_path(self.file) as temporary:
                save_file({k: v.detach().cpu().contiguous() for k, v in self._state(method).items()}, temporary)

    def _state(self, method: Method) -> dict[str, torch.Tensor]:
        """What the phase trains, and the averages of it where there are any."""
        names = set(self.phase.trains) if isinstance(self.phase.trains, (tuple, list)) else set()
        return {key: value for key, value in method.state_dict().items() if names & set(key.split("."))}
