"""All benchmarks, one after the other, as the tables of docs/results/speed.md.

    make bench
    python benchmarks/run.py --peer-python PEER/bin/python --out tables.md

How to make the peer's environment stands in dann_step.py; without it, that contestant is left out, and the table says
so. On a machine that others use too, add `--threads 1 --clock cpu`: what is compared then is computing time.
"""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

import contrastive
import cross_retrieval
import dann_step
import epoch_from_files
import extraction
import prompt_head
import segmentation_step
import startup
from side_by_side import Report

import finetuning
import retrieval
import segmentation
import zeroshot


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peer-python", help="the Python of an environment with pytorch-adapt")
    parser.add_argument("--folder", type=Path, help="pictures for the epochs, one sub-folder a class")
    parser.add_argument("--threads", type=int, help="torch's threads")
    parser.add_argument(
        "--clock",
        choices=("wall", "cpu"),
        default="wall",
        help="what DANN, segmenters, searches, losses, prompts, recall and grids are measured with",
    )
    parser.add_argument("--quick", action="store_true", help="just see that everything works")
    parser.add_argument("--out", type=Path, metavar="FILE", help="write the tables there instead of to stdout")
    given = parser.parse_args()
    rounds, steps = (3, 2) if given.quick else (31, 10)
    sizes, runs, epochs, count = ([28], 2, 2, 128) if given.quick else ([28, 64], 3, 10, 4000)
    vectors = (2000, 10) if given.quick else (200_000, 1000)
    pairs = (1024, 64) if given.quick else (8192, 512)
    head = ("ViT-S-32-alt", 1, 2) if given.quick else ("ViT-B-32", 10, 5)
    matched = (200, 32, 2) if given.quick else (5000, 512, 3)
    grid = (500, 64, 12) if given.quick else (23_527, 2048, 85)
    root = None if given.quick else segmentation_step.camvid_root()
    pixels = (64, 128) if given.quick else (512, 1024)
    if given.peer_python is None:
        print("pytorch-adapt is left out: name the Python that has it with --peer-python", file=sys.stderr)
    benchmarks: list[Callable[[], Report]] = [
        lambda: startup.measure(2 if given.quick else 7),
        lambda: dann_step.measure(given.peer_python, rounds, steps, given.threads, given.clock),
        lambda: epoch_from_files.measure(given.folder, sizes, runs, epochs, given.threads, count),
        lambda: extraction.measure(given.folder, None, sizes[-1] * 2, min(rounds, 5), given.threads, count // 4),
        lambda: finetuning.measure(given.folder, min(rounds, 15), min(steps, 5), given.threads, count // 4),
        lambda: retrieval.measure(*vectors, rounds=rounds, threads=given.threads, clock=given.clock),
        lambda: contrastive.measure(*pairs, min(rounds, 7), given.threads, given.clock),
        lambda: prompt_head.measure(*head, given.threads, given.clock),
        lambda: cross_retrieval.measure(*matched, given.threads, given.clock),
        lambda: segmentation.measure(*pixels, rounds=min(rounds, 15), threads=given.threads, clock=given.clock),
        lambda: segmentation_step.measure(root, min(rounds, 15), min(steps, 5), given.threads, given.clock),
        lambda: zeroshot.measure(*grid, threads=given.threads, clock=given.clock),
    ]
    sections = []
    for benchmark in benchmarks:
        report = benchmark()
        print(report.text(), file=sys.stderr)
        sections.append(report.markdown())
    page = "\n".join(sections)
    if given.out is None:
        print(page)
    else:
        given.out.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
