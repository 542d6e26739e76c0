"""No adaptation: what every method must beat."""

from collections.abc import Iterator, Sequence

from landbridge.data.batches import Batch
from landbridge.training.method import Losses, Method, Moment, Phase
from landbridge.training.supervised import classification, source_phase


class SourceOnly(Method):
    """Train on the labelled source, use on the target as it is: the lower bound of every table.

    min over theta of E_(x,y)~source [cross-entropy(C(F(x)), y)]. BatchNorm sees the source alone.
    """

    needs = {"source": "labelled"}

    def phases(self) -> Sequence[Phase]:
        """Source training, and nothing after it."""
        return (source_phase(),)

    def losses(self, batch: Batch, at: Moment) -> Iterator[Losses]:
        """Cross-entropy on the source."""
        yield classification(self, batch["source"])
