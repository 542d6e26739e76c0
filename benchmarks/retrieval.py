"""The nearest of many vectors: our index against faiss called directly, taking turns.

    python benchmarks/retrieval.py
    python benchmarks/retrieval.py --threads 1 --json retrieval.json

200,000 vectors of 512 numbers in 1,000 Gaussian clusters: centres from N(0, I), members a centre plus SPREAD * N(0, I).
Queries are drawn likewise and are not in the index. Near means: by the cosine; the ten nearest are asked for.

- **ours**: the index that `make_index` makes for so many: with ids, and without what is deleted.
- **faiss**: the very graph that ours built and saved, read and searched by faiss alone.

Both look for one query at a time. The recall, the share of the true ten nearest that are found, is against comparing
with every vector: ours by `ExactIndex`, faiss's by its own `Flat`.
"""

import argparse
import itertools
import sys
import tempfile
import time
from collections.abc import Callable
from typing import Any

from side_by_side import Comparison, Contestant, Report, command_line, common_options, machine, serve, take_turns

WIDTH, K, QUERIES = 512, 10, 1000
OURS, FAISS = "ours", "faiss"
NOW = {"wall": time.perf_counter, "cpu": time.process_time}


def measure(
    count: int = 200_000,
    clusters: int = 1000,
    spread: float = 1.0,
    rounds: int = 31,
    threads: int | None = None,
    clock: str = "wall",
) -> Report:
    """Build once, and let both search in turns.

    Args:
        count: vectors.
        clusters: Gaussian clusters that they lie in.
        spread: standard deviation within a cluster; that of the centres is 1.
        rounds: how often each is called, for 100 queries.
        threads: of faiss, by default as many as it takes by itself.
        clock: what they are measured with: `wall`, or `cpu` for the time that a process was computing.
    """
    wanted = {"OMP_NUM_THREADS": str(threads)} if threads else {}
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, __file__, "--count", str(count), "--clusters", str(clusters)]
        command += ["--spread", str(spread), "--clock", clock, "--folder", f"{folder}/index", "--contestant"]
        contestants = [Contestant(name, [*command, name], wanted) for name in (OURS, FAISS)]
    times = take_turns(contestants, rounds, 100)
    ours, theirs = (contestant.about for contestant in contestants)
    for contestant in contestants:
        contestant.close()
    facts: dict[str, Any] = {
        **machine(wanted),
        "threads": theirs["threads"],
        "versions": f"{ours['version']}, {theirs['version']}",
        "vectors": f"{count:,} of {WIDTH} numbers in {clusters:,} Gaussian clusters, spread {spread:g}, seed 0",
        "graph": f"{ours['factory']}, {ours['parameters']}, built in {ours['built']:.0f} s",
        "recall": f"ours {ours['recall']:.4f}, faiss {theirs['recall']:.4f} of the true {K} nearest, "
        f"over {QUERIES:,} queries; goal: >= 0.98",
        "rounds": f"{rounds} of 100 queries each, {'computing time' if clock == 'cpu' else 'wall time'}",
    }
    comparison = Comparison("one query at a time", "query", times, {FAISS: 1.1})
    return Report(f"The {K} nearest of {count:,} vectors", command_line(), [comparison], facts)


def drawn(count: int, clusters: int, spread: float) -> tuple[Any, Any]:
    """Vectors [count, WIDTH] and queries [QUERIES, WIDTH], float32, equal in every process."""
    import numpy as np

    rng = np.random.default_rng(0)
    centres = rng.standard_normal((clusters, WIDTH), dtype=np.float32)

    def members(number: int) -> Any:
        own = centres[rng.integers(clusters, size=number)]
        return own + spread * rng.standard_normal((number, WIDTH), dtype=np.float32)

    return members(count), members(QUERIES)


def recall(found: Any, true: Any) -> float:
    """The share of the true ones among those found, row by row, in the mean."""
    return sum(len({*one} & {*other}) for one, other in zip(found, true)) / (K * len(true))


def ours(given: argparse.Namespace) -> None:
    """Our index, as `make_index` makes it for so many; it is saved for the other side."""
    import landbridge
    from landbridge.retrieval import ExactIndex, FaissIndex

    vectors, queries = drawn(given.count, given.clusters, given.spread)
    ids = [f"images/{number}.jpg" for number in range(len(vectors))]
    index = FaissIndex(WIDTH)
    began = NOW[given.clock]()
    index.add(ids, vectors)
    built = NOW[given.clock]() - began
    index.save(given.folder)
    exact = ExactIndex(WIDTH)
    exact.add(ids, vectors)
    share = recall(index.search(queries, K).ids, exact.search(queries, K).ids)
    del exact, vectors
    one = itertools.cycle(queries)
    about = {
        "factory": index.factory,
        "parameters": index.parameters,
        "version": f"landbridge {landbridge.__version__}",
    }
    serve(lambda: index.search(next(one), K), given.clock, built=built, recall=share, **about)


def plain_faiss(given: argparse.Namespace) -> None:
    """The same graph by the calls that faiss's own documentation shows."""
    import faiss
    import numpy as np

    queries = drawn(given.count, given.clusters, given.spread)[1]
    faiss.normalize_L2(queries)
    index = faiss.read_index(f"{given.folder}/graph.faiss")
    exact = faiss.IndexFlatIP(WIDTH)
    exact.add(np.load(f"{given.folder}/vectors.npy"))
    share = recall(index.search(queries, K)[1].tolist(), exact.search(queries, K)[1].tolist())
    del exact
    one = itertools.cycle(queries[:, None])
    about = {"threads": faiss.omp_get_max_threads(), "version": f"faiss {faiss.__version__}"}
    serve(lambda: index.search(next(one), K), given.clock, recall=share, **about)


def main() -> None:
    parser = common_options(__doc__, rounds=31)
    parser.add_argument("--count", type=int, default=200_000, help="vectors")
    parser.add_argument("--clusters", type=int, default=1000)
    parser.add_argument("--spread", type=float, default=1.0, help="standard deviation within a cluster")
    parser.add_argument("--folder", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.contestant:
        work: Callable[..., None] = ours if given.contestant == OURS else plain_faiss
        work(given)
        return
    if given.quick:
        given.count, given.clusters, given.rounds = 2000, 10, 3
    measure(given.count, given.clusters, given.spread, given.rounds, given.threads, given.clock).finish(given.json)


if __name__ == "__main__":
    main()
