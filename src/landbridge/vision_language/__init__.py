"""Floor 4: images and sentences in one space. Losses by name; one file a way of training or of using the model."""

from landbridge.core.registry import Registry

LOSSES = Registry(
    "loss",
    {
        "info-nce": "landbridge.losses.info_nce:info_nce",
        "siglip": "landbridge.losses.siglip:siglip",
        "triplet": "landbridge.losses.triplet:sum_of_hinges",
        "hardest-triplet": "landbridge.losses.triplet:hardest_triplet",
        "adamine": "landbridge.losses.adamine:adamine",
    },
)
"""The losses of `landbridge align`: name -> its function."""
