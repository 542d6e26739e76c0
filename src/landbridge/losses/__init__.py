"""Floor 1: the mathematics of transfer, as pure functions of tensors."""

from landbridge.losses.adversarial import domain_accuracy, domain_classification

__all__ = ["domain_accuracy", "domain_classification"]
