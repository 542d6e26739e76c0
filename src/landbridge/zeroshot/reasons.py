"""Why a class was called: what each attribute added to its lead over another class."""

import numpy as np

from landbridge.zeroshot.base import Array, ZeroShotClassifier, unit_rows
from landbridge.zeroshot.dap import DAP
from landbridge.zeroshot.nearest_attributes import NearestAttributes

Explained = NearestAttributes | DAP
"""Methods whose score is a sum over attributes."""


def explains(method: ZeroShotClassifier) -> bool:
    """Whether a method's score can be taken apart into attributes."""
    return isinstance(method, NearestAttributes | DAP)


def reasons(method: Explained, predicted: Array, called: Array, other: Array) -> Array:
    """What each attribute adds to the lead of the class that was called over another one [n, A].

    A row sums to the difference of the two scores: for `dap` as it is, for cosines times the length of the predicted
    attributes, for `hamming` times their number; for `euclidean` to the difference of the squared distances.

    Args:
        method: a fitted method.
        predicted: the attributes that it predicts [n, A].
        called: row numbers of the classes that were called [n].
        other: row numbers of the classes to compare with [n].
    """
    table = method.table_
    if isinstance(method, DAP):
        least = np.finfo(np.float64).tiny
        there = np.log(np.maximum(predicted, least)) - np.log(method.prior_)
        missing = np.log(np.maximum(1 - predicted, least)) - np.log1p(-method.prior_)
        added = (there - missing) * (table[called] - table[other])
    elif method.similarity == "cosine":
        rows = unit_rows(table)
        added = predicted * (rows[called] - rows[other])
    else:
        told = (predicted > 0.5).astype(np.float64) if method.similarity == "hamming" else predicted
        added = (told - table[other]) ** 2 - (told - table[called]) ** 2
    result: Array = added
    return result
