"""The recipe of MNIST-M: digits laid over crops of photographs by absolute difference."""

from collections.abc import Sequence

import numpy as np

from landbridge.data.kept import Array


def blend(digits: Array, photographs: Sequence[Array], seed: Sequence[int]) -> Array:
    """Each digit over a random crop of a random photograph: |photograph - digit|, a colour channel at a time.

    This is how MNIST-M is made (Ganin and Lempitsky, ICML 2015, section 4.1): ink inverts the colours of what lies
    below.

    Args:
        digits: uint8 [N, H, W], white on black.
        photographs: uint8 [height, width, 3] each, none smaller than a digit.
        seed: numbers that decide on photographs and places.

    Returns:
        uint8 [N, 3, H, W].

    >>> grey = np.full((40, 50, 3), 100, np.uint8)
    >>> digit = np.zeros((1, 4, 4), np.uint8)
    >>> digit[0, 1, 1] = 255
    >>> blend(digit, [grey], [0])[0, 0].max(), blend(digit, [grey], [0])[0, 0].min()
    (np.uint8(155), np.uint8(100))
    """
    rng = np.random.default_rng(seed)
    count, height, width = digits.shape
    which = rng.integers(len(photographs), size=count)
    places = rng.random((count, 2))
    blended = np.empty((count, 3, height, width), np.uint8)
    for number, photograph in enumerate(photographs):
        rows = np.flatnonzero(which == number)
        room = np.array(photograph.shape[:2]) - (height, width) + 1
        top, left = (places[rows] * room).astype(np.int64).T
        windows = np.lib.stride_tricks.sliding_window_view(photograph, (height, width), axis=(0, 1))
        crops, ink = windows[top, left], digits[rows, None]
        blended[rows] = np.maximum(crops, ink) - np.minimum(crops, ink)
    return blended
