"""Open-set domain adaptation by backpropagation."""

from typing import Annotated

from landbridge.core.errors import LandbridgeError
from landbridge.data.matching import UNKNOWN
from landbridge.losses import unknown_boundary
from landbridge.nn.gradient_reversal import reverse_gradient
from landbridge.training.joint import JointMethod, Seen
from landbridge.training.method import Losses, Moment, Setup
from landbridge.training.options import Range


class OSBP(JointMethod):
    """Tell known classes from `unknown` where nobody has seen an example of it; for a target with classes of its own.

    The head has an output for `unknown`. It learns to say it of target examples with probability t, while the features,
    behind a gradient reversal, learn to make that probability anything but t: each target example moves towards the
    known classes, or away from them.

        min over C of  L_y + L_adv,   min over F of  L_y - weight * L_adv,
        L_adv = - t log p(unknown | x_t) - (1 - t) log(1 - p(unknown | x_t))

    (equations 3-6; there the weight is 1.)

    Args:
        setup: the set-up; its last class is `unknown`.
        weight: strength of the reversal.
        boundary: t, in (0, 1).

    Raises:
        LandbridgeError: there is no class `unknown`.
    """

    paper = "Saito et al., ECCV 2018"
    says_unknown = True

    def __init__(
        self, setup: Setup, weight: Annotated[float, Range(0.1, 10, log=True)] = 1.0, boundary: float = 0.5
    ) -> None:
        if setup.classes[-1] != UNKNOWN:
            raise LandbridgeError("osbp is for a target with classes of its own: say --label-sets open")
        super().__init__(setup)
        self.weight, self.boundary = weight, boundary

    def terms(self, seen: Seen, at: Moment) -> Losses:
        """The game over how likely the target is unknown."""
        logits = self.head(reverse_gradient(seen.target, self.weight))
        said = logits.detach()
        return Losses(
            boundary=unknown_boundary(logits, self.boundary),
            measures={"called_unknown": lambda: (said.argmax(1) == said.shape[1] - 1).float().mean()},
        )
