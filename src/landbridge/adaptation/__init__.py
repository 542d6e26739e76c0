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
        "svm": "landbridge.adaptation.svm:SVM",
        "tca": "landbridge.adaptation.tca:TCA",
        "ot": "landbridge.adaptation.ot:OT",
        "deep-coral": "landbridge.adaptation.deep_coral:DeepCORAL",
        "dan": "landbridge.adaptation.dan:DAN",
        "jan": "landbridge.adaptation.jan:JAN",
        "dann": "landbridge.adaptation.dann:DANN",
        "cdan": "landbridge.adaptation.cdan:CDAN",
        "cdan-e": "landbridge.adaptation.cdan:CDANE",
        "adda": "landbridge.adaptation.adda:ADDA",
        "mcd": "landbridge.adaptation.mcd:MCD",
        "mdd": "landbridge.adaptation.mdd:MDD",
        "i2i": "landbridge.adaptation.i2i:I2I",
        "cycada": "landbridge.adaptation.cycada:CyCADA",
        "mcc": "landbridge.adaptation.mcc:MCC",
        "mean-teacher": "landbridge.adaptation.mean_teacher:MeanTeacher",
        "fixmatch": "landbridge.adaptation.fixmatch:FixMatch",
        "vada": "landbridge.adaptation.vada:VADA",
        "dirt-t": "landbridge.adaptation.dirt_t:DIRTT",
        "adabn": "landbridge.adaptation.adabn:AdaBN",
        "pseudo-label": "landbridge.adaptation.pseudo_label:PseudoLabel",
        "shot": "landbridge.adaptation.shot:SHOT",
        "shot-im": "landbridge.adaptation.shot:SHOTIM",
        "tent": "landbridge.adaptation.tent:Tent",
        "pada": "landbridge.adaptation.pada:PADA",
        "osbp": "landbridge.adaptation.osbp:OSBP",
        "coral-dg": "landbridge.adaptation.coral_dg:CoralDG",
        "group-dro": "landbridge.adaptation.group_dro:GroupDRO",
        "irm": "landbridge.adaptation.irm:IRM",
        "target-only": "landbridge.adaptation.target_only:TargetOnly",
    },
)
