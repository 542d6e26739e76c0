"""Floor 4: labels on the source, none on the target. One file a method, one line here."""

from typing import Any

from landbridge.core.registry import Registry


class Methods(Registry):
    """The methods by name; `NAME+NAME` is a combination, see `landbridge.adaptation.combined`."""

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and all(part in self._entries for part in name.split("+"))

    def resolve(self, name: str) -> Any:
        """The class of a method, or of a combination of several.

        Raises:
            UnknownNameError: no such name; the message suggests the nearest.
            LandbridgeError: they cannot be combined.
        """
        parts = [(part, super(Methods, self).resolve(part)) for part in name.split("+")]
        if len(parts) == 1:
            return parts[0][1]
        from landbridge.adaptation.combined import combination

        return combination(*parts)


METHODS = Methods(
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
