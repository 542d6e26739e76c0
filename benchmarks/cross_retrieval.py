"""Recall between images and texts: ours against the way that CLIP_benchmark counts it, taking turns; time and memory.

    python benchmarks/cross_retrieval.py
    python benchmarks/cross_retrieval.py --threads 1 --clock cpu --json cross_retrieval.json

5,000 images with five texts each, as COCO's test has them: a text's vector is its image's plus noise, all of length 1,
512 numbers, fp32. One unit is Recall@1, 5 and 10 in both directions, from the vectors to the six numbers.

- **ours**: `cross_retrieval`, which counts what scores higher, a block at a time; median and mean ranks come along.
- **one-hot of top-k**: what CLIP_benchmark does (its zero-shot retrieval, written anew from how it behaves): the matrix
  of all scores and one of the right pairs; for each k and each direction, batch by batch, the k best as one-hot vectors
  over all candidates, times the right pairs. Each found right one counts as a share of the right ones there; a query is
  a success where the share is above 0.

Memory is the process's peak: with torch or NumPy loaded, the vectors made, and the numbers computed. How far the two
ways' numbers are apart stands among the facts.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from contrastive import peak
from side_by_side import Comparison, Contestant, Report, command_line, common_options, machine, serve, take_turns

OURS, THEIRS = "ours", "one-hot of top-k"
KS, TEXTS, BATCH, NOISE = (1, 5, 10), 5, 64, 6.0
GOAL = {"time": 0.2, "megabytes": 2000}


def measure(
    images: int = 5000, width: int = 512, rounds: int = 3, threads: int | None = None, clock: str = "wall"
) -> Report:
    """Let both count in turns.

    Args:
        images: with `TEXTS` texts each.
        width: of the vectors.
        rounds: how often each is called.
        threads: torch's and NumPy's threads, by default as many as they take by themselves.
        clock: what they are measured with: `wall`, or `cpu` for the time that a process was computing.
    """
    wanted = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), str(threads)) if threads else {}
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, __file__, "--images", str(images), "--width", str(width), "--clock", clock]
        command += ["--folder", folder, "--contestant"]
        contestants = [Contestant(name, [*command, name], wanted) for name in (OURS, THEIRS)]
        times = take_turns(contestants, rounds, 1)
        about = {contestant.name: contestant.about for contestant in contestants}
        for contestant in contestants:
            contestant.close()
        told = {name: json.loads((Path(folder) / f"{name}.json").read_text()) for name in (OURS, THEIRS)}
    mine, its = (told[name]["recall"] for name in (OURS, THEIRS))
    facts: dict[str, Any] = {
        **machine(wanted),
        "threads": about[THEIRS]["threads"],
        "versions": f"{about[OURS]['version']}, {about[THEIRS]['version']}",
        "vectors": f"{images:,} images and {images * TEXTS:,} texts of {width} numbers, seed 0",
        "peak memory": f"ours {told[OURS]['peak']:.0f} MB, {THEIRS} {told[THEIRS]['peak']:.0f} MB; "
        f"goal: <= {GOAL['megabytes']:,} MB",
        "recall": ", ".join(f"{name} {value:.4f}" for name, value in mine.items()),
        "apart by": f"{max(abs(mine[name] - its[name]) for name in its):.1e} at most",
        "rounds": f"{rounds}, {'computing time' if clock == 'cpu' else 'wall time'}",
    }
    comparison = Comparison("recall, both ways", "table", times, {THEIRS: GOAL["time"]})
    title = f"Recall between {images:,} images and {images * TEXTS:,} texts"
    return Report(title, command_line(), [comparison], facts)


def drawn(images: int, width: int) -> tuple[Any, Any, Any]:
    """Images [N, D], texts [5 N, D] and the owner of each text, float32, of length 1, equal in every process."""
    import numpy as np

    rng = np.random.default_rng(0)
    owner = np.repeat(np.arange(images), TEXTS)
    pictures = rng.standard_normal((images, width), dtype=np.float32)
    texts = pictures[owner] + NOISE * rng.standard_normal((len(owner), width), dtype=np.float32)
    units = (x / np.linalg.norm(x, axis=1, keepdims=True) for x in (pictures, texts))
    return (*units, owner)


def ours(given: argparse.Namespace) -> None:
    """Our function, as everybody calls it."""
    import landbridge
    from landbridge.evaluation.cross_retrieval import cross_retrieval

    pictures, texts, owner = drawn(given.images, given.width)

    def table() -> dict[str, float]:
        found = cross_retrieval(pictures, texts, owner, KS)
        ways = {"image_to_text": found.image_to_text, "text_to_image": found.text_to_image}
        return {f"{name}@{k}": way.recall[k] for name, way in ways.items() for k in KS}

    keep(given, table())
    serve(table, given.clock, version=f"landbridge {landbridge.__version__}")


def one_hot(given: argparse.Namespace) -> None:
    """The other way: all scores at once, and each list of the k best spelled out over all candidates."""
    import torch
    from torch.nn import functional as F

    made = drawn(given.images, given.width)
    pictures, texts, owner = (torch.from_numpy(array) for array in made)

    def share_found(scores: torch.Tensor, right: torch.Tensor, k: int) -> torch.Tensor:
        chosen = F.one_hot(scores.topk(k, dim=1).indices, num_classes=scores.shape[1])
        hits = (chosen * right[:, None]).sum(dim=(1, 2))
        return hits / right.sum(1)

    def recall(scores: torch.Tensor, right: torch.Tensor, k: int) -> float:
        parts = [share_found(some, own, k) for some, own in zip(scores.split(BATCH), right.split(BATCH))]
        return float((torch.cat(parts) > 0).float().mean())

    @torch.inference_mode()
    def table() -> dict[str, float]:
        scores = texts @ pictures.T
        right = torch.zeros_like(scores, dtype=torch.bool)
        right[torch.arange(len(texts)), owner] = True
        ways = {"image_to_text": (scores.T, right.T), "text_to_image": (scores, right)}
        return {f"{name}@{k}": recall(*way, k) for name, way in ways.items() for k in KS}

    keep(given, table())
    serve(table, given.clock, threads=torch.get_num_threads(), version=f"torch {torch.__version__}")


def keep(given: argparse.Namespace, recall: dict[str, float]) -> None:
    """Leave the numbers, and how much memory it took to come to them, for the other side."""
    told = {"recall": recall, "peak": peak()}
    (Path(given.folder) / f"{given.contestant}.json").write_text(json.dumps(told), encoding="utf-8")


def main() -> None:
    parser = common_options(__doc__, rounds=3)
    parser.add_argument("--images", type=int, default=5000, help=f"with {TEXTS} texts each")
    parser.add_argument("--width", type=int, default=512)
    parser.add_argument("--folder", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.contestant:
        work: Callable[..., None] = ours if given.contestant == OURS else one_hot
        work(given)
        return
    if given.quick:
        given.images, given.width, given.rounds = 200, 32, 2
    measure(given.images, given.width, given.rounds, given.threads, given.clock).finish(given.json)


if __name__ == "__main__":
    main()
