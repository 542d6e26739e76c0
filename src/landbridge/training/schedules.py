"""Schedules: what changes over training, as pure functions of progress. Nothing is stored."""

import math


def ganin_lambda(progress: float, gamma: float = 10.0) -> float:
    """How strongly the adversary counts: 0 at the start, near 1 at the end.

    2 / (1 + exp(-gamma p)) - 1 (Ganin et al., JMLR 2016, section 5.2.2).

    Args:
        progress: p, in [0, 1].
        gamma: how fast it rises.

    >>> ganin_lambda(0.0), round(ganin_lambda(0.5), 3), round(ganin_lambda(1.0), 4)
    (0.0, 0.987, 0.9999)
    """
    return 2.0 / (1.0 + math.exp(-gamma * progress)) - 1.0


def ganin_rate(progress: float, alpha: float = 10.0, beta: float = 0.75) -> float:
    """Factor on the learning rate: (1 + alpha p)^-beta (Ganin et al., JMLR 2016, section 5.2.2).

    >>> ganin_rate(0.0), round(ganin_rate(1.0), 4)
    (1.0, 0.1656)
    """
    return float((1.0 + alpha * progress) ** -beta)
