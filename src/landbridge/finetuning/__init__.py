"""Floor 4: some labels on the target. One method with orthogonal choices, and the names of those in common use."""

from typing import Any, NamedTuple

from landbridge.core.registry import Registry

_METHOD = "landbridge.finetuning.finetune:FineTune"


class Preset(NamedTuple):
    """A choice of options that has a name.

    Attributes:
        about: what it does, in a line.
        paper: where it is from.
        options: of `FineTune`, by name; those left out have their defaults.
    """

    about: str
    paper: str
    options: dict[str, Any]


PRESETS = {
    "scratch": Preset(
        "Train the whole network from random weights: what the copied ones must beat.", "", {"copy": "none"}
    ),
    "frozen": Preset(
        "Keep the copied network as it is and learn a new head.",
        "Donahue et al., ICML 2014",
        {"freeze": "all"},
    ),
    "small-rate": Preset(
        "Train all, the copied network at a tenth of the head's learning rate, its BatchNorm kept.",
        "Girshick et al., CVPR 2014",
        {"backbone_lr_ratio": 0.1, "batch_norm": "frozen"},
    ),
    "full": Preset("Train all at one learning rate.", "Yosinski et al., NeurIPS 2014", {}),
    "gradual": Preset(
        "Unfreeze the copied network from the top down while the head learns, at a tenth of its rate.",
        "Howard and Ruder, ACL 2018",
        {"unfreeze": "gradual", "backbone_lr_ratio": 0.1, "batch_norm": "frozen"},
    ),
    "lp-ft": Preset(
        "Learn the head first, then all at a tenth of that rate, so that a random head spoils no feature.",
        "Kumar et al., ICLR 2022",
        {"probe": 0.5, "backbone_lr_ratio": 0.1, "batch_norm": "frozen"},
    ),
    "l2-sp": Preset(
        "Train all at one rate while a penalty draws the copied weights back to where they started.",
        "Li, Grandvalet and Davoine, ICML 2018",
        {"l2_sp": 0.1},
    ),
    "lora": Preset(
        "Keep a transformer's weights and learn low-rank additions to its linear layers.",
        "Hu et al., ICLR 2022",
        {"lora": 8},
    ),
}

METHODS = Registry("method", dict.fromkeys(PRESETS, _METHOD))
