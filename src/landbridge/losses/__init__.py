"""Floor 1: the mathematics of transfer, as pure functions of tensors."""

from landbridge.losses.adversarial import domain_accuracy, domain_classification
from landbridge.losses.class_confusion import certainty, class_confusion
from landbridge.losses.coral import correlation_alignment
from landbridge.losses.gradnorm import gradient_balance
from landbridge.losses.l2_sp import l2_sp
from landbridge.losses.mixup import Mixture, mixed_cross_entropy, mixup
from landbridge.losses.mmd import maximum_mean_discrepancy, median_distance
from landbridge.losses.pcgrad import conflicts, without_conflicts
from landbridge.losses.ranking import hinge_rank, structured_hinge, weighted_rank
from landbridge.losses.task_weighting import uncertainty_weighted

__all__ = [
    "Mixture",
    "certainty",
    "class_confusion",
    "conflicts",
    "correlation_alignment",
    "domain_accuracy",
    "domain_classification",
    "gradient_balance",
    "hinge_rank",
    "l2_sp",
    "maximum_mean_discrepancy",
    "median_distance",
    "mixed_cross_entropy",
    "mixup",
    "structured_hinge",
    "uncertainty_weighted",
    "weighted_rank",
    "without_conflicts",
]
