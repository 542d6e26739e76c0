"""Floor 1: the mathematics of transfer, as pure functions of tensors."""

from landbridge.losses.adversarial import domain_accuracy, domain_classification
from landbridge.losses.coral import correlation_alignment
from landbridge.losses.mmd import maximum_mean_discrepancy, median_distance

__all__ = [
    "correlation_alignment",
    "domain_accuracy",
    "domain_classification",
    "maximum_mean_discrepancy",
    "median_distance",
]
