"""Features on a plane, so that one can see whether two domains have met."""

import numpy as np
from numpy.typing import NDArray
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE

Array = NDArray[np.floating]


def embed(source: Array, target: Array, seed: int = 0) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Both domains on one plane by t-SNE (van der Maaten and Hinton, JMLR 2008), after PCA to at most 50 dimensions.

    Args:
        source: features [n, D].
        target: features [m, D].
        seed: what all randomness comes from.

    Returns:
        Positions [n, 2] and [m, 2] that fill the square from -1 to 1. Features that are all alike come out as one
        point; too few examples for t-SNE are shown by their first two principal axes.

    >>> x = np.random.default_rng(0).normal(size=(6, 5))
    >>> embed(x, x + 1)[0].shape
    (6, 2)
    """
    both = np.nan_to_num(np.concatenate([source, target]).astype(np.float64), posinf=6e4, neginf=-6e4)
    both -= both.mean(0)
    scale = np.abs(both).max() if both.size else 0.0
    if scale < 1e-9 or both.shape[1] < 2:
        flat = np.zeros((len(both), 2))
        flat[:, : min(2, both.shape[1])] = both[:, :2] if scale >= 1e-9 else 0.0
    else:
        few = PCA(min(50, *both.shape), random_state=seed).fit_transform(both / scale)
        flat = few[:, :2]
        if len(both) >= 20:
            perplexity = min(30.0, (len(both) - 1) / 3)
            flat = TSNE(perplexity=perplexity, init="pca", random_state=seed, max_iter=750).fit_transform(few)
    flat = flat.astype(np.float64)
    flat -= (flat.min(0) + flat.max(0)) / 2
    flat /= max(float(np.abs(flat).max()), 1e-9)
    return flat[: len(source)], flat[len(source) :]
