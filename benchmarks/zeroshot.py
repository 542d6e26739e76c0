"""Whole grids of ESZSL and SAE at once, against solving each point anew, taking turns.

    python benchmarks/zeroshot.py
    python benchmarks/zeroshot.py --threads 1 --json zeroshot.json

Made-up features of the size of AwA2's: 23,527 of 2,048 numbers, 40 seen classes, 85 attributes a class. Time is from
features, labels and signatures to the solutions of the whole grid and their scores of 1,000 held-out examples.

- **ours**: `ESZSL().grid`, 7 x 7 penalties; `SAE().grid`, 10 weights.
- **a solve a point**: ESZSL's closed form for each pair of penalties, written down as in the paper: both Gram matrices,
  then a linear solve each.
- **Gram matrices once**: the same, but what does not depend on the penalties is computed once.
- **solve_sylvester**: `scipy.linalg.solve_sylvester` for each weight, its matrices computed once.

The largest difference of the scores, relative to the largest score, is told as well.
"""

import argparse
import sys
from collections.abc import Callable, Iterator
from typing import Any

from side_by_side import (
    Comparison,
    Contestant,
    Report,
    answer,
    command_line,
    common_options,
    machine,
    requests,
    take_turns,
)

SEEN, UNSEEN, HELD_OUT = 40, 10, 1000
POWERS = tuple(10.0**power for power in range(-3, 4))
WEIGHTS = tuple(10.0**power for power in range(-5, 5))
ESZSL_POINTS = [(alpha, gamma) for alpha in POWERS for gamma in POWERS]
OURS, PER_POINT, ONCE, SCIPY = "ours", "a solve a point", "Gram matrices once", "solve_sylvester"


def measure(
    count: int = 23_527, width: int = 2048, attributes: int = 85, rounds: int = 1, threads: int | None = None,
    clock: str = "wall",
) -> Report:  # fmt: skip
    """Let ours and the others compute their grids in turns.

    Args:
        count: examples to learn from.
        width: of the features.
        attributes: a class.
        rounds: how often each computes its grid.
        threads: of the linear algebra, by default as many as it takes by itself.
        clock: what they are measured with: `wall`, or `cpu` for the time that a process was computing.
    """
    wanted = {"OMP_NUM_THREADS": str(threads), "OPENBLAS_NUM_THREADS": str(threads)} if threads else {}
    comparisons, differences = [], []
    versions = ""
    for method, others in (("eszsl", {PER_POINT: 0.03, ONCE: None}), ("sae", {SCIPY: 0.1})):
        command = [sys.executable, __file__, "--count", str(count), "--width", str(width), "--clock", clock]
        command += ["--attributes", str(attributes), "--method", method, "--contestant"]
        contestants = [Contestant(name, [*command, name], wanted) for name in (OURS, *others)]
        times = take_turns(contestants, rounds, 1, warm_up=0)
        for contestant in contestants:
            contestant.close()
        about = contestants[0].about
        versions = str(about["versions"])
        title = {"eszsl": f"ESZSL, {len(ESZSL_POINTS)} points", "sae": f"SAE, {len(WEIGHTS)} weights"}[method]
        goals = {name: goal for name, goal in others.items() if goal is not None}
        comparisons.append(Comparison(title, "grid", times, goals))
        differences.append(f"{title}: {about['difference']:.1e}")
    facts: dict[str, Any] = {
        **machine(wanted),
        "threads": threads or "as many as the linear algebra takes by itself",
        "versions": versions,
        "data": f"{count:,} x {width:,} features, {SEEN} seen and {UNSEEN} unseen classes, {attributes} attributes",
        "largest difference of scores, relative, on 2,000 examples": "; ".join(differences),
        "rounds": f"{rounds} of one grid each, {'computing time' if clock == 'cpu' else 'wall time'}",
    }
    return Report("Hyper-parameter grids of zero-shot learning", command_line(), comparisons, facts)


def drawn(count: int, width: int, attributes: int) -> tuple[Any, Any, Any, Any]:
    """Features of length 1 [n, D], seen classes [n], signatures of length 1 [C, A], held-out features [m, D]."""
    import numpy as np

    rng = np.random.default_rng(0)
    table = rng.random((SEEN + UNSEEN, attributes))
    table /= np.linalg.norm(table, axis=1, keepdims=True)
    y = np.arange(count + HELD_OUT) % SEEN
    x = table[y] @ rng.standard_normal((attributes, width)) + 0.5 * rng.standard_normal((len(y), width))
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    return x[:count], y[:count], table, x[count:]


def our_grid(method: str, x: Any, y: Any, table: Any, held: Any) -> Iterator[Any]:
    """Scores of the held-out examples at each point, by Landbridge."""
    from landbridge.zeroshot.eszsl import ESZSL
    from landbridge.zeroshot.sae import SAE

    if method == "eszsl":
        points = ESZSL(scaling="none").grid(x, y, table, held, grid={"alpha": POWERS, "gamma": POWERS})
    else:
        points = SAE(scaling="none").grid(x, y, table, held, grid={"weight": WEIGHTS})
    for _, scores in points:
        yield scores


def per_point(x: Any, y: Any, table: Any, held: Any) -> Iterator[Any]:
    """ESZSL as in the paper, point by point."""
    import numpy as np
    from scipy.linalg import solve

    seen = table[:SEEN]
    for alpha, gamma in ESZSL_POINTS:
        targets = np.where(y[:, None] == np.arange(SEEN), 1.0, -1.0)
        between = x.T @ (targets @ seen)
        left = solve(x.T @ x + alpha * np.eye(x.shape[1]), between, assume_a="pos")
        v = solve(seen.T @ seen + gamma * np.eye(seen.shape[1]), left.T, assume_a="pos").T
        yield held @ v @ table.T


def gram_once(x: Any, y: Any, table: Any, held: Any) -> Iterator[Any]:
    """ESZSL point by point, with all products taken once."""
    import numpy as np
    from scipy.linalg import solve

    seen = table[:SEEN]
    targets = np.where(y[:, None] == np.arange(SEEN), 1.0, -1.0)
    between, gram, other = x.T @ (targets @ seen), x.T @ x, seen.T @ seen
    for alpha, gamma in ESZSL_POINTS:
        left = solve(gram + alpha * np.eye(x.shape[1]), between, assume_a="pos")
        v = solve(other + gamma * np.eye(seen.shape[1]), left.T, assume_a="pos").T
        yield held @ v @ table.T


def sylvester(x: Any, y: Any, table: Any, held: Any) -> Iterator[Any]:
    """SAE by scipy, weight by weight."""
    import numpy as np
    from scipy.linalg import solve_sylvester

    s = table[y]
    a, b, c = s.T @ s, x.T @ x, s.T @ x
    for weight in WEIGHTS:
        told = held @ solve_sylvester(a, weight * b, (1 + weight) * c).T
        yield told / np.linalg.norm(told, axis=1, keepdims=True) @ table.T


def difference(method: str, width: int, attributes: int) -> float:
    """How far ours is from the other way on 2,000 examples, relative to the largest score."""
    import numpy as np

    small = drawn(2000, min(width, 256), attributes)
    other = gram_once(*small) if method == "eszsl" else sylvester(*small)
    return max(float(np.abs(a - b).max() / np.abs(b).max()) for a, b in zip(our_grid(method, *small), other))


def compute(given: argparse.Namespace) -> None:
    """Inside a contestant's process: a grid each time it is asked."""
    import numpy as np
    import scipy
    import sklearn

    data = drawn(given.count, given.width, given.attributes)
    grids: dict[str, Callable[[], Iterator[Any]]] = {
        OURS: lambda: our_grid(given.method, *data),
        PER_POINT: lambda: per_point(*data),
        ONCE: lambda: gram_once(*data),
        SCIPY: lambda: sylvester(*data),
    }
    about: dict[str, object] = {
        "versions": f"numpy {np.__version__}, scipy {scipy.__version__}, scikit-learn {sklearn.__version__}"
    }
    if given.contestant == OURS:
        about["difference"] = difference(given.method, given.width, given.attributes)
    answer(**about)
    for _ in requests(given.clock):
        for _ in grids[given.contestant]():
            pass


def main() -> None:
    parser = common_options(__doc__, rounds=1)
    parser.add_argument("--count", type=int, default=23_527, help="examples to learn from")
    parser.add_argument("--width", type=int, default=2048, help="of the features")
    parser.add_argument("--attributes", type=int, default=85)
    parser.add_argument("--method", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.contestant:
        compute(given)
        return
    if given.quick:
        given.count, given.width, given.attributes, given.rounds = 500, 64, 12, 2
    measure(given.count, given.width, given.attributes, given.rounds, given.threads, given.clock).finish(given.json)


if __name__ == "__main__":
    main()
