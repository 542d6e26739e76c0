"""Discriminators: networks that tell the source from the target."""

from collections.abc import Sequence

from landbridge.nn.heads import Head


def domain_discriminator(width: int, hidden: Sequence[int] = (1024, 1024)) -> Head:
    """Features [N, width] to one logit an example [N, 1]: positive means "from the source".

    Ganin and Lempitsky (ICML 2015, figure 4) use one hidden layer of 100 on digits, two of 1024 elsewhere.

    Args:
        width: width of the features.
        hidden: widths of the hidden layers.
    """
    return Head(width, hidden, 1)
