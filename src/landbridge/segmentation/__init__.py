"""Floor 4: a class for each pixel; labels on the source, none on the target. One file a method, one line here."""

from landbridge.core.registry import Registry

METHODS = Registry(
    "method",
    {
        "source-only": "landbridge.segmentation.source_only:SourceOnly",
        "minent": "landbridge.segmentation.minent:MinEnt",
        "advent": "landbridge.segmentation.advent:AdvEnt",
        "adaptseg": "landbridge.segmentation.adaptseg:AdaptSegNet",
        "fda": "landbridge.segmentation.fda:FDA",
        "adabn": "landbridge.segmentation.adabn:AdaBN",
        "self-training": "landbridge.segmentation.self_training:SelfTraining",
        "dacs": "landbridge.segmentation.dacs:DACS",
        "daformer": "landbridge.segmentation.daformer:DAFormer",
        "mic": "landbridge.segmentation.mic:MIC",
        "boundless": "landbridge.segmentation.boundless.method:Boundless",
        "target-only": "landbridge.segmentation.target_only:TargetOnly",
    },
)
