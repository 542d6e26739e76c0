"""Floor 1: the mathematics of transfer, as pure functions of tensors."""

from landbridge.losses.adamine import adamine
from landbridge.losses.adversarial import domain_accuracy, domain_classification
from landbridge.losses.class_confusion import certainty, class_confusion
from landbridge.losses.conditional_entropy import conditional_entropy
from landbridge.losses.consistency import class_balance, confident_consistency, confident_pseudo_labels, is_sure
from landbridge.losses.coral import correlation_alignment
from landbridge.losses.disagreement import classifier_discrepancy, margin_disparity
from landbridge.losses.fourier import fourier_swap
from landbridge.losses.gradnorm import gradient_balance
from landbridge.losses.info_nce import info_nce
from landbridge.losses.information import information_maximisation
from landbridge.losses.l2_sp import l2_sp
from landbridge.losses.mixing import class_mask, pasted, visible_patches
from landbridge.losses.mixup import Mixture, mixed_cross_entropy, mixup
from landbridge.losses.mmd import GaussianKernel, joint_discrepancy, maximum_mean_discrepancy, median_distance
from landbridge.losses.open_set import unknown_boundary
from landbridge.losses.pcgrad import conflicts, without_conflicts
from landbridge.losses.pixel_entropy import entropy_map, mean_pixel_entropy, robust_entropy, self_information
from landbridge.losses.pixels import (
    balanced_labels,
    class_thresholds,
    feature_distance,
    pixel_accuracy,
    pixel_cross_entropy,
    sure_share,
)
from landbridge.losses.pseudo_labels import centroid_labels
from landbridge.losses.ranking import devise, hinge_rank, structured_hinge, weighted_rank
from landbridge.losses.several_sources import mean_by_group, moment_gap, scale_penalty
from landbridge.losses.siglip import siglip
from landbridge.losses.task_weighting import uncertainty_weighted
from landbridge.losses.translation import (
    least_squares_discrimination,
    least_squares_fooling,
    semantic_consistency,
)
from landbridge.losses.triplet import Hardest, hardest_negatives, hardest_triplet, hinge, sum_of_hinges, triplet
from landbridge.losses.virtual_adversarial import virtual_adversarial

__all__ = [
    "GaussianKernel",
    "Hardest",
    "Mixture",
    "adamine",
    "balanced_labels",
    "centroid_labels",
    "certainty",
    "class_balance",
    "class_confusion",
    "class_mask",
    "class_thresholds",
    "classifier_discrepancy",
    "conditional_entropy",
    "confident_consistency",
    "confident_pseudo_labels",
    "conflicts",
    "correlation_alignment",
    "devise",
    "domain_accuracy",
    "domain_classification",
    "entropy_map",
    "feature_distance",
    "fourier_swap",
    "gradient_balance",
    "hardest_negatives",
    "hardest_triplet",
    "hinge",
    "hinge_rank",
    "info_nce",
    "information_maximisation",
    "is_sure",
    "joint_discrepancy",
    "l2_sp",
    "least_squares_discrimination",
    "least_squares_fooling",
    "margin_disparity",
    "maximum_mean_discrepancy",
    "mean_by_group",
    "mean_pixel_entropy",
    "median_distance",
    "mixed_cross_entropy",
    "mixup",
    "moment_gap",
    "pasted",
    "pixel_accuracy",
    "pixel_cross_entropy",
    "robust_entropy",
    "scale_penalty",
    "self_information",
    "semantic_consistency",
    "siglip",
    "structured_hinge",
    "sum_of_hinges",
    "sure_share",
    "triplet",
    "uncertainty_weighted",
    "unknown_boundary",
    "virtual_adversarial",
    "visible_patches",
    "weighted_rank",
    "without_conflicts",
]
