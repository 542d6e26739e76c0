"""Images made of two: pieces of one pasted into another, and images with patches hidden."""

import torch
from torch import Tensor


def class_mask(labels: Tensor, classes: int) -> Tensor:
    """The pixels of a random half of the classes that an image has.

    Of the c classes in each image, (c + 1) // 2 are drawn (Olsson et al., "ClassMix", WACV 2021, algorithm 1; on source
    labels, Tranheden et al., "DACS", WACV 2021, section 3.2). Void is no class and is never taken.

    Args:
        labels: class numbers int64 [n, H, W]; all numbers from `classes` up are void.
        classes: how many there are.

    Returns:
        bool [n, H, W].

    >>> labels = torch.tensor([[[0, 0, 1, 255]]])
    >>> int(class_mask(labels, 2).sum()) in (1, 2)
    True
    """
    flat = labels.flatten(1).clamp(max=classes)
    there = torch.zeros(len(labels), classes + 1, dtype=torch.bool, device=labels.device).scatter_(1, flat, True)
    there[:, classes] = False
    # The classes that are there in random order, all others behind them.
    places = (torch.rand(there.shape, device=labels.device) + ~there).argsort(1).argsort(1)
    chosen = there & (places < (there.sum(1, keepdim=True) + 1) // 2)
    return chosen.gather(1, flat).view(labels.shape)


def pasted(mask: Tensor, over: Tensor, under: Tensor) -> Tensor:
    """One thing where a mask is, and another elsewhere: images, labels or weights.

    x = M x_over + (1 - M) x_under (Tranheden et al., WACV 2021, section 3.2.)

    Args:
        mask: M, bool [n, H, W].
        over: [n, C, H, W] or [n, H, W].
        under: of the same shape.

    >>> pasted(torch.tensor([[[True, False]]]), torch.ones(1, 3, 1, 2), torch.zeros(1, 3, 1, 2))[0, :, 0].tolist()
    [[1.0, 0.0], [1.0, 0.0], [1.0, 0.0]]
    """
    return torch.where(mask[:, None] if over.dim() == 4 else mask, over, under)


def visible_patches(count: int, height: int, width: int, patch: int, hidden: float, device: torch.device) -> Tensor:
    """Random patches of images that stay visible, for learning to tell the rest from their surroundings.

        M = [v > r] on each patch of b x b pixels, v uniform in [0, 1)

    (Hoyer et al., "MIC", CVPR 2023, section 3.2, with r = 0.7 and b = 64 on half of Cityscapes' size.) The
    masked image is M x.

    Args:
        count: of images.
        height: in pixels.
        width: in pixels.
        patch: b, side of a patch in pixels.
        hidden: r, the probability that a patch is hidden, in [0, 1].
        device: where the mask shall be.

    Returns:
        M, bool [count, 1, height, width].

    >>> visible_patches(2, 5, 6, 4, 1.0, torch.device("cpu")).any()
    tensor(False)
    """
    drawn = torch.rand(count, 1, -(-height // patch), -(-width // patch), device=device) >= hidden
    large = drawn.repeat_interleave(patch, 2).repeat_interleave(patch, 3)
    return large[:, :, :height, :width]
