"""How far two domains lie apart, seen by features. No labels are needed."""

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler


def proxy_a_distance(source: NDArray[np.float32], target: NDArray[np.float32], seed: int = 0) -> float:
    """How well a linear classifier tells the domains apart: 0 not at all, 2 perfectly.

    2 (1 - 2 e), e the error of a classifier of domains on held-out examples, here over two folds and with both domains
    of one size (Ben-David et al., NeurIPS 2006; Ganin et al., JMLR 2016, section 5.1.5). It looks at features as they
    are: those that are constant score 0 and are useless.

    Args:
        source: features [n, D].
        target: features [m, D].
        seed: of the folds, and of the choice where one domain is larger.

    Returns:
        The distance in [0, 2]; an error above one half counts as 0.

    >>> x = np.random.default_rng(0).normal(size=(100, 2)).astype(np.float32)
    >>> proxy_a_distance(x, x + 100)
    2.0
    """
    rng, n = np.random.default_rng(seed), min(len(source), len(target))
    both = np.concatenate([values[rng.permutation(len(values))[:n]] for values in (source, target)])
    domain = np.repeat([0, 1], n)
    classifier = make_pipeline(StandardScaler(), LogisticRegression(max_iter=300, C=0.1))
    folds = StratifiedKFold(2, shuffle=True, random_state=seed)
    error = 1.0 - float(cross_val_score(classifier, both, domain, cv=folds).mean())
    return max(0.0, 2.0 * (1.0 - 2.0 * error))
