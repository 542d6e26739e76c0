"""Floor 1: parts of networks. Our own backbones stand here; others come from libraries or the user."""

from landbridge.core.registry import Registry

BACKBONES = Registry(
    "backbone",
    {
        "ganin-mnist": "landbridge.nn.digits:ganin_mnist",
        "ganin-svhn": "landbridge.nn.digits:ganin_svhn",
        "ganin-signs": "landbridge.nn.digits:ganin_signs",
        "lenet": "landbridge.nn.digits:lenet",
        "mlp": "landbridge.nn.digits:mlp",
        "identity": "landbridge.nn.digits:identity",
        "hog": "landbridge.nn.hog:hog",
        "small-cnn": "landbridge.nn.small:small_cnn",
        "speech-cnn": "landbridge.nn.speech:speech_cnn",
    },
)
