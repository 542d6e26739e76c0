"""Floor 4: several tasks learned by one network."""

from landbridge.core.registry import Registry

WEIGHTINGS = Registry(
    "weighting",
    {
        "fixed": "landbridge.multitask.weighting:Fixed",
        "uncertainty": "landbridge.multitask.weighting:Uncertainty",
        "gradnorm": "landbridge.multitask.weighting:GradNorm",
        "pcgrad": "landbridge.multitask.weighting:PCGrad",
    },
)
"""How the losses of several tasks become one step."""
