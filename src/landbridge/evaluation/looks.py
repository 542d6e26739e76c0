"""Looks at a model while it trains, kept for studies of validators: what they see, and answers on the test part.

No label of the target is opened here: that is done once, at the end, by `landbridge.evaluation.regret`.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from landbridge.core.errors import BadDataError
from landbridge.core.files import atomic_path
from landbridge.data.domain import View
from landbridge.evaluation.collected import Collected, Material, Outputs
from landbridge.evaluation.inference import predict
from landbridge.evaluation.selection import diversity_of
from landbridge.evaluation.validators import VALIDATORS, score_by, scores
from landbridge.nn.models import Classifier

LARGEST = 8_000_000
"""Bytes that the features of a look may take on disk; of wide ones fewer examples are kept."""

FOLDER = "looks"


@dataclass(frozen=True)
class Look:
    """What was kept of a model at a step.

    Attributes:
        step: of the whole run.
        seen: what validators see.
        anew: scores of those that forward further inputs, taken on the spot.
        test: probabilities of the target's test examples [n, classes].
    """

    step: int
    seen: Collected
    anew: dict[str, float]
    test: Tensor

    @property
    def scores(self) -> dict[str, float | None]:
        """Score by the validator's name."""
        return scores(self.seen) | {name: self.anew[name] for name in self.anew if np.isfinite(self.anew[name])}

    @property
    def diversity(self) -> float:
        """As the collapse gate has it."""
        return diversity_of(self.seen)


@dataclass(frozen=True)
class Watcher:
    """Looks at a model, and keeps what it saw in a file a step; a step looked at again is written again.

    Attributes:
        run: the run's folder.
        material: what validators look at a model with; a part of the source is held out.
        test: target examples that the true accuracy is measured on later, labels sealed.
        doubt: what a model is to answer in doubt, where the target has classes that it does not know.
    """

    run: Path
    material: Material
    test: View
    doubt: str | None = None

    def __call__(self, model: Classifier, step: int) -> None:
        """Look."""
        seen = self.material.collect(model)
        anew = {name: score_by(name, seen) for name, rule in VALIDATORS.items() if rule.anew}
        told = predict(model.or_none(self.doubt) if self.doubt else model, self.test)
        _write(self.run / FOLDER / f"{step:07d}.npz", Look(step, _cut(seen), anew, told))


def _cut(seen: Collected) -> Collected:
    """As many examples as `LARGEST` has room for: the views were drawn at random, so the first are."""
    width = seen.target.features.shape[1]
    most = LARGEST // (3 * 2 * width)

    def first(part: Outputs) -> Outputs:
        return Outputs(part.features[:most], part.logits[:most])

    training = None if seen.training is None else seen.training[:most]
    return replace(
        seen, target=first(seen.target), labels=seen.labels[:most], source=first(seen.held), training=training
    )


def _write(path: Path, look: Look) -> None:
    seen = look.seen
    assert seen.training is not None
    features = {"target": seen.target.features, "source": seen.held.features, "training": seen.training}
    greatest = float(np.finfo(np.float16).max)
    arrays = {
        f"{side}_features": x.clamp(-greatest, greatest).numpy().astype(np.float16) for side, x in features.items()
    }
    arrays |= {"target_logits": seen.target.logits.numpy(), "source_logits": seen.held.logits.numpy()}
    arrays |= {"labels": seen.labels.numpy(), "test": look.test.numpy(), "partial": np.array(seen.partial)}
    arrays |= {f"score_{name}": np.array(value) for name, value in look.anew.items()}
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, allow_pickle=False, **arrays)


def read_look(path: Path) -> Look:
    """What was kept in a file.

    Raises:
        BadDataError: it cannot be read.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            kept = {name: torch.from_numpy(file[name]) for name in file.files}
        features = {side: kept[f"{side}_features"].float() for side in ("target", "source", "training")}
        target, source = (Outputs(features[side], kept[f"{side}_logits"]) for side in ("target", "source"))
        anew = {name.removeprefix("score_"): float(kept[name]) for name in kept if name.startswith("score_")}
        seen = Collected(target, kept["labels"], source, features["training"], partial=bool(kept["partial"]))
        return Look(int(path.stem), seen, anew, kept["test"])
    except (OSError, ValueError, KeyError, EOFError) as error:
        raise BadDataError(f"{path} is damaged: remove it, and train its run again") from error


def read_looks(run: Path) -> Iterator[Look]:
    """The looks of a run in the order of their steps."""
    for path in sorted((run / FOLDER).glob("*.npz")):
        yield read_look(path)
