"""A few labelled examples a class on top of a zero-shot classifier; both encoders stay as they are."""

from landbridge.core.registry import Registry

FEW_SHOT = Registry(
    "few-shot method",
    {
        "linear-probe": "landbridge.vision_language.few_shot.linear_probe:LinearProbe",
        "tip-adapter": "landbridge.vision_language.few_shot.tip_adapter:TipAdapter",
        "tip-adapter-f": "landbridge.vision_language.few_shot.tip_adapter:TipAdapterF",
        "coop": "landbridge.vision_language.few_shot.coop:CoOp",
    },
)
"""Methods of `landbridge classify --few-shot`: name -> its class."""
