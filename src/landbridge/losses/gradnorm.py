"""Weights of several losses, by how fast each task learns."""

from torch import Tensor


def gradient_balance(weights: Tensor, norms: Tensor, losses: Tensor, initial: Tensor, alpha: float) -> Tensor:
    """What the weights of tasks are moved by, so that gradients are alike in size and slow tasks have larger ones.

        G_i = w_i ||grad_W L_i||,  r_i = (L_i(t) / L_i(0)) / mean_j (L_j(t) / L_j(0))
        sum_i | G_i - mean_j(G_j) r_i^alpha |

    (Chen et al., ICML 2018, section 3.1 and eq. 2). The target, mean(G) r^alpha, is a constant: only the weights
    have a gradient. A weight is a factor of its loss, so the norm of the weighted gradient is w_i times that of the
    plain one, and no second derivative of the network is needed.

    Args:
        weights: w, [T], > 0.
        norms: of the gradient of each unweighted loss in the last shared layer W, [T].
        losses: L(t), unweighted, [T], > 0.
        initial: L(0), [T], > 0.
        alpha: how strongly slow tasks are helped, >= 0.

    Returns:
        A scalar >= 0.

    >>> import torch
    >>> one = torch.ones(2)
    >>> gradient_balance(one, torch.tensor([1.0, 3.0]), one, one, alpha=1.5).item()
    2.0
    """
    norms, losses = norms.detach(), losses.detach()
    weighted, ratios = weights * norms, losses / initial
    target = weighted.detach().mean() * (ratios / ratios.mean()) ** alpha
    return (weighted - target).abs().sum()
