"""Margin disparity discrepancy."""

from typing import Annotated

from landbridge.losses import margin_disparity
from landbridge.nn.gradient_reversal import reverse_gradient
from landbridge.nn.heads import Head
from landbridge.training.joint import JointMethod, Seen
from landbridge.training.method import Losses, Moment, Setup
from landbridge.training.options import Range
from landbridge.training.schedules import ganin_lambda


class MDD(JointMethod):
    """Learn features on which no second classifier agrees with the first on the source and not on the target.

        min over F, C of  L_y(C(F(x_s)), y_s) + weight * lambda(p) * D(A),
        max over A of     D(A) = E_t log(1 - s_h(A(F(x_t)))) + margin * E_s log s_h(A(F(x_s))),

    A a second head, s_h its softmax at the class h that C predicts, taken as a constant. A learns at full strength;
    the features sit behind a gradient reversal. A is thrown away in the end.

    Args:
        setup: the set-up.
        weight: factor on lambda.
        margin: gamma, how much agreeing on the source counts.
    """

    paper = "Zhang et al., ICML 2019"

    def __init__(
        self,
        setup: Setup,
        weight: Annotated[float, Range(0.01, 1, log=True)] = 0.1,
        margin: Annotated[float, Range(1, 8)] = 4.0,
    ) -> None:
        super().__init__(setup)
        self.weight, self.margin = weight, margin
        self.adversary = Head(setup.head.width, setup.head.hidden_widths, len(setup.classes), setup.head.dropout)

    def terms(self, seen: Seen, at: Moment) -> Losses:
        """The game over the disparity."""
        strength = self.weight * ganin_lambda(at.progress)
        source, target = (self.adversary(reverse_gradient(side, strength)) for side in (seen.source, seen.target))
        on_source, on_target = seen.source_logits.argmax(1), seen.target_logits.argmax(1)
        return Losses(
            disparity=-margin_disparity(source, on_source, target, on_target, self.margin),
            measures={
                "source_agreement": lambda: (source.argmax(1) == on_source).float().mean(),
                "target_agreement": lambda: (target.argmax(1) == on_target).float().mean(),
                "lambda": lambda: strength,
            },
        )
