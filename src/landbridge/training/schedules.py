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


def polynomial_rate(progress: float, power: float = 0.9) -> float:
    """Factor on the learning rate of segmenters: (1 - p)^power (Chen et al., IEEE TPAMI 2018, section 4.1).

    >>> polynomial_rate(0.0), round(polynomial_rate(0.5), 3), polynomial_rate(1.0)
    (1.0, 0.536, 0.0)
    """
    return float((1.0 - progress) ** power)


def cosine_rate(progress: float) -> float:
    """Factor on the learning rate: (1 + cos(pi p)) / 2, from 1 down to 0 (Loshchilov and Hutter, ICLR 2017, eq. 5).

    >>> cosine_rate(0.0), round(cosine_rate(0.5), 3), cosine_rate(1.0)
    (1.0, 0.5, 0.0)
    """
    return (1.0 + math.cos(math.pi * progress)) / 2.0


def linear_ramp(progress: float, start: float, end: float) -> float:
    """A factor that rises in a straight line: 0 until `start`, 1 from `end` on.

    >>> linear_ramp(0.1, 0.1, 0.6), round(linear_ramp(0.35, 0.1, 0.6), 3), linear_ramp(0.8, 0.1, 0.6)
    (0.0, 0.5, 1.0)
    """
    return min(1.0, max(0.0, (progress - start) / (end - start)))


def gradually(progress: float, groups: int, until: float = 0.5) -> int:
    """How many of the topmost groups are unfrozen: none at first, one more at equal intervals, all from `until` on.

    Gradual unfreezing (Howard and Ruder, ACL 2018, section 3.3), as a function of progress in place of epochs.

    Args:
        progress: p, in [0, 1].
        groups: how many there are.
        until: the progress at which all are free, in (0, 1].

    >>> [gradually(p / 10, 4) for p in range(6)]
    [0, 1, 2, 3, 4, 4]
    """
    return min(groups, int(progress / until * (groups + 1) + 1e-9)) if progress < until else groups


def warm_cosine(progress: float, warmup: float = 0.1) -> float:
    """Factor on the learning rate: up in a straight line during the first part, then a cosine down to 0.

    As CLIP and open_clip are trained (Radford et al., ICML 2021).

    Args:
        progress: p, in [0, 1].
        warmup: the part in which it rises, in [0, 1); 0 for none.

    >>> warm_cosine(0.05, 0.1), warm_cosine(0.1, 0.1), round(warm_cosine(0.55, 0.1), 3), warm_cosine(1.0, 0.1)
    (0.5, 1.0, 0.5, 0.0)
    """
    return progress / warmup if progress < warmup else cosine_rate((progress - warmup) / (1 - warmup))
