"""How well a source classifier suits a labelled target, told from what it says about the target's examples.

Both scores take the output of a network with its source classes still on it, and labels of the target; the higher the
better, 0 at best. Neither sees the features below, so that two networks with the same predictions score alike. Scores
that take features are in `landbridge.evaluation.transferability`.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from landbridge.core.errors import BadDataError
from landbridge.evaluation.transferability import numbered

Array = NDArray[Any]


def leep(probabilities: Array, labels: Array) -> float:
    """Log expected empirical prediction: how well target labels follow from the source classes a network believes in.

        1/n sum over i of log( sum over z of P(y_i | z) theta(x_i)_z ),
        P(y | z) = sum over i with y_i = y of theta(x_i)_z / sum over all i of theta(x_i)_z

    the mean log-likelihood of the classifier that draws a source class z from the network's probabilities theta and
    then a label from P(y | z) (Nguyen et al., ICML 2020, eq. 1 and 2). It predicts accuracy of a retrained head and
    after fine-tuning, best where source classes cover what the target shows. It misleads between networks of different
    temperature, as probabilities near uniform lower it whatever they know; between networks of different numbers of
    source classes, as more of them fit any labels better; and where examples are few for so many classes.

    Args:
        probabilities: of the source classes for each target example [n, Z], each row >= 0 and of sum 1.
        labels: the examples' target classes [n], any values.

    Returns:
        At most 0; at least minus the entropy of the labels.

    Raises:
        BadDataError: they do not fit together, are no probabilities, or all labels are one.

    >>> sure = np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0], [0.0, 1.0]])
    >>> labels = np.array(["cat", "cat", "dog", "dog"])
    >>> leep(sure, labels), round(leep(0.5 * sure + 0.25, labels), 4)
    (0.0, -0.47)
    """
    theta = np.asarray(probabilities, dtype=np.float64)
    if theta.ndim != 2 or not (theta >= 0).all() or not np.allclose(theta.sum(1), 1.0, atol=1e-3):
        raise BadDataError(
            "LEEP takes probabilities [n, Z], >= 0 and of sum 1 in each row: apply a softmax to the logits"
        )
    y = numbered(labels, len(theta))
    joint = np.zeros((y.max() + 1, theta.shape[1]))
    np.add.at(joint, y, theta)
    marginal = joint.sum(0)
    given_source = joint / np.where(marginal > 0, marginal, 1.0)
    return float(np.log((given_source[y] * theta).sum(1)).mean())


def nce(predictions: Array, labels: Array) -> float:
    """Negative conditional entropy: how much about the target label is left open by the source class.

        sum over y, z of P(y, z) log( P(y, z) / P(z) ),  P the shares of the examples

    (Tran, Nguyen and Hassner, ICCV 2019), z the source label of the same example or, as Nguyen et al. (ICML 2020) have
    it where there is none, the source class that a network predicts. It predicts the likelihood that a retrained head
    reaches. It misleads where source classes are many and examples few: where each source class is predicted for one
    example alone, the score is 0 whatever the labels. It does not see how sure the network is.

    Args:
        predictions: the source class of each target example [n], any values.
        labels: the examples' target classes [n], any values.

    Returns:
        At most 0; at least minus the entropy of the labels.

    Raises:
        BadDataError: they do not fit together, or all labels are one.

    >>> nce(np.array([7, 7, 9, 9]), np.array(["cat", "cat", "dog", "dog"]))
    0.0
    >>> round(nce(np.array([7, 7, 7, 7]), np.array(["cat", "cat", "dog", "dog"])), 4)
    -0.6931
    """
    given = np.asarray(predictions)
    if given.ndim != 1:
        raise BadDataError(f"NCE takes one predicted class an example [n], not {list(given.shape)}: take the argmax")
    y = numbered(labels, len(given))
    _, z = np.unique(given, return_inverse=True)
    joint = np.zeros((y.max() + 1, z.max() + 1))
    np.add.at(joint, (y, z), 1.0)
    return float(np.log(joint[y, z] / joint.sum(0)[z]).mean())
