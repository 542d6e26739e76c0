"""Floor 4: classes never seen in training, known by a description alone. One file a method, one line here."""

from landbridge.core.registry import Registry

METHODS = Registry(
    "method",
    {
        "nearest-attributes": "landbridge.zeroshot.nearest_attributes:NearestAttributes",
        "dap": "landbridge.zeroshot.dap:DAP",
        "iap": "landbridge.zeroshot.iap:IAP",
        "two-towers": "landbridge.zeroshot.two_towers:TwoTowers",
        "conse": "landbridge.zeroshot.conse:ConSE",
        "devise": "landbridge.zeroshot.devise:DeViSE",
        "ale": "landbridge.zeroshot.ale:ALE",
        "sje": "landbridge.zeroshot.sje:SJE",
        "eszsl": "landbridge.zeroshot.eszsl:ESZSL",
        "sae": "landbridge.zeroshot.sae:SAE",
        "dem": "landbridge.zeroshot.dem:DEM",
        "cvae": "landbridge.zeroshot.cvae:CVAE",
    },
)
