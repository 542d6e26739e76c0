"""Floor 4: labels on the source, none on the target. One file a method, one line here."""

from landbridge.core.registry import Registry

METHODS = Registry(
    "method",
    {
        "source-only": "landbridge.adaptation.source_only:SourceOnly",
        "sa": "landbridge.adaptation.sa:SA",
        "coral": "landbridge.adaptation.coral:CORAL",
        "deep-coral": "landbridge.adaptation.deep_coral:DeepCORAL",
        "dan": "landbridge.adaptation.dan:DAN",
        "dann": "landbridge.adaptation.dann:DANN",
        "cdan": "landbridge.adaptation.cdan:CDAN",
        "cdan-e": "landbridge.adaptation.cdan:CDANE",
        "mcc": "landbridge.adaptation.mcc:MCC",
        "target-only": "landbridge.adaptation.target_only:TargetOnly",
    },
)
