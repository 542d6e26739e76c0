"""Domain-adversarial training in a plain PyTorch loop: two functions of Landbridge, and none of its trainer.

    python examples/losses_in_your_own_loop.py

The field's two half moons: the target is the same shape, turned by 35 degrees, and its labels are only looked at to
print the last line.
"""

import torch
from sklearn.datasets import make_moons
from torch import nn
from torch.nn import functional as F

from landbridge.losses import domain_accuracy, domain_classification
from landbridge.nn.gradient_reversal import reverse_gradient
from landbridge.training.schedules import ganin_lambda

STEPS = 1500


def moons(turn: float, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    points, labels = make_moons(600, noise=0.08, random_state=seed)
    angle = torch.deg2rad(torch.tensor(turn))
    rotation = torch.stack([torch.stack([angle.cos(), angle.sin()]), torch.stack([-angle.sin(), angle.cos()])])
    return torch.from_numpy(points).float() @ rotation, torch.from_numpy(labels)


def train(*, adapt: bool, seed: int = 0) -> float:
    torch.manual_seed(seed)
    (xs, ys), (xt, yt) = moons(0, 1), moons(35, 2)
    features = nn.Sequential(nn.Linear(2, 32), nn.ReLU(), nn.Linear(32, 32), nn.ReLU())
    classifier = nn.Linear(32, 2)
    discriminator = nn.Sequential(nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 1))  # one logit an example
    networks = nn.ModuleList([features, classifier, discriminator])
    optimiser = torch.optim.Adam(networks.parameters(), lr=3e-3)
    for step in range(STEPS):
        source, target = torch.randint(len(xs), (64,)), torch.randint(len(xt), (64,))
        of_source, of_target = features(xs[source]), features(xt[target])
        loss = F.cross_entropy(classifier(of_source), ys[source])
        if adapt:
            both = reverse_gradient(torch.cat([of_source, of_target]), ganin_lambda(step / STEPS))
            guess = discriminator(both)
            loss = loss + domain_classification(guess, sources=len(of_source))
            if step % 500 == 499:
                print(f"step {step + 1}: domain accuracy {domain_accuracy(guess, sources=len(of_source)):.2f}")
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    with torch.no_grad():
        return (classifier(features(xt)).argmax(1) == yt).float().mean().item()


if __name__ == "__main__":
    print(f"target accuracy: source only {train(adapt=False):.3f}, adapted {train(adapt=True):.3f}")
