"""Logistic regression on the image features."""

from typing import Any, Self

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression
from torch import Tensor

from landbridge.core.errors import BadDataError
from landbridge.vision_language.few_shot.base import FewShot, Labelled, Setting, judged

STEPS = 1000
"""Of L-BFGS, at most."""

COARSE = tuple(10.0**power for power in range(-2, 7, 2))
"""The strengths that are tried first: C, the inverse of the penalty on the weights."""

HALVINGS = 3


class LinearProbe(FewShot):
    """A linear classifier of the shots' features that knows nothing of the prompts (Radford et al., ICML 2021).

    min over W, b of  |W|^2 / 2 + C sum_i -log softmax(W x_i + b)[y_i],  x of length 1

    C is looked for on validation examples: first 10^-2, 1, ..., 10^6, then three times between the best and its
    neighbours. A class without shots is never answered.

    Args:
        setting: what it starts from; of the head only the number of classes counts.
    """

    paper = "Radford et al., ICML 2021"

    def __init__(self, setting: Setting) -> None:
        super().__init__(setting)
        self.regression: Any = None

    def fit(self, shots: Labelled, validation: Labelled) -> Self:
        """Learn from the shots with the C that tells the validation examples best."""
        if len(shots.y.unique()) < 2:
            raise BadDataError("a linear probe needs shots of two classes at least")
        tried: dict[float, Any] = {}

        def judge(strength: float) -> tuple[float, float]:
            tried[strength] = _fitted(shots, strength)
            return judged(self._scores(tried[strength], validation.x), validation)

        scores = {strength: judge(strength) for strength in COARSE}
        step = 1.0
        for _ in range(HALVINGS):
            centre = max(scores, key=lambda strength: scores[strength])
            for strength in (centre * 10**-step, centre * 10**step):
                scores[strength] = judge(strength)
            step /= 2
        chosen = max(scores, key=lambda strength: scores[strength])
        self.regression, self.chosen = tried[chosen], {"C": float(f"{chosen:.4g}")}
        return self

    def logits(self, images: Tensor) -> Tensor:
        """Log probabilities [n, C]; far below all others for a class without shots."""
        return self._scores(self.regression, images)

    def _scores(self, regression: Any, images: Tensor) -> Tensor:
        found = torch.from_numpy(regression.predict_log_proba(images.double().cpu().numpy()))
        scores = torch.full((len(images), len(self.head.classes)), np.log(np.finfo(np.float32).tiny), dtype=found.dtype)
        scores[:, torch.from_numpy(regression.classes_)] = found
        return scores.float()


def _fitted(shots: Labelled, strength: float) -> Any:
    return LogisticRegression(C=strength, max_iter=STEPS).fit(shots.x.double().cpu().numpy(), shots.y.cpu().numpy())
