"""Methods that learn to translate examples of one domain into the other: what they share."""

from collections.abc import Mapping, Sequence
from typing import ClassVar

from torch import Tensor, nn
from torch.optim import Adam, Optimizer

from landbridge.nn.translators import shape_read
from landbridge.training.joint import JointMethod
from landbridge.training.method import Group, Setup


class TranslatingMethod(JointMethod):
    """Methods of both domains with networks that make examples, and discriminators that judge them.

    Backbone and head move as in every other method, so that they compare; what plays the game of translation by Adam
    with the momenta 0.5 and 0.999 at a rate of its own that stays as it is, which is what such games are usually
    trained by.

    Args:
        setup: the set-up.
        translator_rate: learning rate under Adam.

    Attributes:
        by_adam: names of the groups that move by Adam.
    """

    by_adam: ClassVar[Sequence[str]] = ()

    def __init__(self, setup: Setup, translator_rate: float) -> None:
        super().__init__(setup)
        self.translator_rate = translator_rate
        self.shape = shape_read(setup.backbone)

    def groups(self) -> Mapping[str, Group]:
        """What translates under Adam, the others under the set-up's SGD."""
        return {
            name: Group(group.parameters, _adam, self.translator_rate, lambda at: 1.0)
            if name in self.by_adam
            else group
            for name, group in super().groups().items()
        }

    def to_target(self, x: Tensor) -> Tensor | None:
        """Preprocessed source examples as the target's would look; None where no term asks for translation."""
        raise TypeError(f"{type(self).__name__} must define `to_target`")

    def translated(self, x: Tensor) -> Tensor | None:
        """Source images as the target's would look, uint8 [N, 3, h, w]; None where there are no images."""
        made = self.to_target(x) if len(self.shape) == 3 else None
        return None if made is None else self.preprocessing("target").restored(made)


def _adam(parameters: Sequence[nn.Parameter], rate: float) -> Optimizer:
    return Adam(parameters, rate, betas=(0.5, 0.999), fused=True)
