"""Learning from labels: the phase that many methods begin with."""

from torch.nn import functional as F

from landbridge.data.batches import Sample
from landbridge.training.method import Losses, Method, Phase


def source_phase(share: float = 1.0) -> Phase:
    """Train backbone and head on the labelled source; the same in every method that begins so, and computed once."""
    return Phase("source", share, inputs=("source",), trains=("backbone", "head"), recipe="supervised")


def classification(method: Method, sample: Sample, label_smoothing: float = 0.0) -> Losses:
    """Cross-entropy of the method's own backbone and head on a labelled sample."""
    logits = method.head(method.backbone(sample.x))
    return Losses(
        classification=F.cross_entropy(logits, sample.y, label_smoothing=label_smoothing),
        measures={"source_accuracy": lambda: (logits.argmax(1) == sample.y).float().mean()},
    )
