"""What a model says about the examples of a view. No label is needed or seen."""

import torch
from torch import Tensor

from landbridge.data.domain import View
from landbridge.nn.models import Classifier


@torch.inference_mode()
def predict(model: Classifier, view: View, batch_size: int = 512) -> Tensor:
    """Probabilities of all examples of a view, float32 [N, classes]."""
    size = model.preprocessing.size
    parts = [
        model.predict(view.read(positions, size), batch_size) for positions in torch.arange(len(view)).split(batch_size)
    ]
    return torch.cat(parts) if parts else torch.empty(0, len(model.classes))
