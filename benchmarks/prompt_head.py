"""A zero-shot head of many prompts: ours against open_clip's own function, taking turns.

    python benchmarks/prompt_head.py
    python benchmarks/prompt_head.py --threads 1 --json prompt_head.json

The text tower of a model of open_clip with random weights (seed 0), the 80 templates of CLIP's ensemble, the first
classes of ImageNet. What the words are decides how long prompts are; what the weights are decides nothing.

- **ours**: `zero_shot_head`: each prompt once, those of like length together, padded to the longest among them.
- **open_clip**: `build_zero_shot_classifier` with its tokenizer: all prompts at the tower's full length (77 tokens).

Each head is one unit; tokenizing counts. How far the two heads are apart stands among the facts.
"""

import argparse
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from side_by_side import Comparison, Contestant, Report, command_line, common_options, machine, serve, take_turns

OURS, THEIRS = "ours", "open_clip"
GOAL = 0.25


def measure(
    model: str = "ViT-B-32", classes: int = 10, rounds: int = 5, threads: int | None = None, clock: str = "wall"
) -> Report:
    """Let both make heads in turns.

    Args:
        model: a name of open_clip's list; its text tower is causal.
        classes: of ImageNet, from the first on.
        rounds: how often each is called.
        threads: torch's threads, by default as many as it takes by itself.
        clock: what they are measured with: `wall`, or `cpu` for the time that a process was computing.
    """
    import numpy as np

    wanted = {"OMP_NUM_THREADS": str(threads)} if threads else {}
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, __file__, "--model", model, "--classes", str(classes), "--clock", clock]
        command += ["--folder", folder, "--contestant"]
        contestants = [Contestant(name, [*command, name], wanted) for name in (OURS, THEIRS)]
        times = take_turns(contestants, rounds, 1)
        mine, its = (contestant.about for contestant in contestants)
        for contestant in contestants:
            contestant.close()
        heads = [np.load(Path(folder) / f"{name}.npy") for name in (OURS, THEIRS)]
    facts: dict[str, Any] = {
        **machine(wanted),
        "threads": mine["threads"],
        "versions": f"{mine['version']}, {its['version']}",
        "tower": f"open_clip/{model}, random weights",
        "prompts": f"{mine['templates']} templates of {classes} classes; {mine['longest']} tokens at most, "
        f"{mine['mean']:.1f} in the mean, of {mine['full']}",
        "heads": f"unit vectors, apart by {abs(heads[0] - heads[1]).max():.1e} at most",
        "rounds": f"{rounds}, {'computing time' if clock == 'cpu' else 'wall time'}",
    }
    comparison = Comparison("a head of prompts", "head", times, {THEIRS: GOAL})
    return Report(f"A zero-shot head of {classes * mine['templates']:,} prompts", command_line(), [comparison], facts)


def ours(given: argparse.Namespace) -> None:
    """Our head, never read from where heads are kept."""
    import numpy as np
    import torch

    import landbridge
    from landbridge.nn.dual_encoder import DualEncoder
    from landbridge.vision_language.prompts import Prompts, read_classes, read_templates
    from landbridge.vision_language.zero_shot_head import zero_shot_head

    torch.manual_seed(0)
    model = DualEncoder.from_open_clip(given.model)
    templates = read_templates("imagenet")
    prompts = Prompts.of(read_classes("imagenet")[: given.classes], templates)
    lengths = model.text.lengths(model.tokenize([text for texts in prompts.texts for text in texts]))
    np.save(Path(given.folder) / OURS, zero_shot_head(model, prompts).weight.numpy())
    serve(
        lambda: zero_shot_head(model, prompts),
        given.clock,
        templates=len(templates),
        longest=int(lengths.max()),
        mean=float(lengths.float().mean()),
        full=model.text.tokenizer.length,
        threads=torch.get_num_threads(),
        version=f"landbridge {landbridge.__version__}",
    )


def open_clips(given: argparse.Namespace) -> None:
    """The function that open_clip's own evaluation calls."""
    import logging

    import numpy as np
    import open_clip
    import torch

    logging.disable(logging.WARNING)
    torch.manual_seed(0)
    model = open_clip.create_model(given.model).eval()
    tokenizer = open_clip.get_tokenizer(given.model)
    classes = open_clip.IMAGENET_CLASSNAMES[: given.classes]

    def head() -> Any:
        return open_clip.build_zero_shot_classifier(model, tokenizer, classes, open_clip.OPENAI_IMAGENET_TEMPLATES)

    np.save(Path(given.folder) / THEIRS, head().T.numpy())
    serve(head, given.clock, version=f"open_clip {open_clip.__version__}, torch {torch.__version__}")


def main() -> None:
    parser = common_options(__doc__, rounds=5)
    parser.add_argument("--model", default="ViT-B-32", help="a name of open_clip's list")
    parser.add_argument("--classes", type=int, default=10, help="of ImageNet")
    parser.add_argument("--folder", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.contestant:
        work: Callable[..., None] = ours if given.contestant == OURS else open_clips
        work(given)
        return
    if given.quick:
        given.model, given.classes, given.rounds = "ViT-S-32-alt", 1, 2
    measure(given.model, given.classes, given.rounds, given.threads, given.clock).finish(given.json)


if __name__ == "__main__":
    main()
