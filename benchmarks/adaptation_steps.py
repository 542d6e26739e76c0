"""One step of each method of adaptation that pytorch-adapt has too: ours and theirs, taking turns.

    python benchmarks/adaptation_steps.py --peer-python PEER/bin/python --clock cpu --threads 1

with the peer's environment as `dann_step.py` makes it. Networks, batches, optimiser and what a step includes are those
of `dann_step.py`; their float batches lie ready before the clock starts, so that nothing of their reading data is
counted, while ours reads its own. Each method is the one that its library ships: where the two play the same game in
different ways (reversal here, two passes there), that is part of what is compared, and stands in `WAYS`.
"""

import argparse
import sys
from typing import Any

from dann_step import CLASSES, MOMENTUM, PEER, RATE, networks, ours, serve_peer
from side_by_side import Comparison, Contestant, Report, command_line, machine, take_turns

GOAL, WIDTH, PROJECTED = 0.8, 768, 1024
WAYS = {
    "deep-coral": "covariances of the logits",
    "dan": "kernels of several widths on features and predictions, all pairs of the batch",
    "jan": "one joint kernel over features and predictions, all pairs of the batch",
    "dann": "gradient reversal in both",
    "cdan": "random projection to 1,024; reversal here, two passes there",
    "cdan-e": "as cdan, weighted by certainty",
    "mcc": "class confusion of the target",
    "mcd": "two heads, four moves of the features a step in both",
    "adda": "the second phase: two turns; theirs never skips the encoder's (threshold=0)",
    "vada": "adversary, entropy, and virtual adversarial noise on both domains",
}


def measure(
    peer: str, methods: list[str], rounds: int = 15, steps: int = 5, threads: int | None = None, clock: str = "wall"
) -> Report:
    """Let ours and theirs take turns, one method after the other.

    Args:
        peer: the Python of an environment that holds pytorch-adapt.
        methods: names, of `WAYS`.
        rounds: how often each is called.
        steps: steps a call.
        threads: torch's threads, by default as many as it takes by itself.
        clock: `wall`, or `cpu` for computing time.
    """
    wanted = {"OMP_NUM_THREADS": str(threads)} if threads else {}
    comparisons, facts = [], dict(machine(wanted))
    for method in methods:
        contestants = [
            Contestant(name, [python, __file__, "--clock", clock, "--contestant", name, "--methods", method], wanted)
            for name, python in (("ours", sys.executable), (PEER, peer))
        ]
        facts["versions"] = ", ".join(str(contestant.about["version"]) for contestant in contestants)
        times = take_turns(contestants, rounds, steps)
        for contestant in contestants:
            contestant.close()
        comparisons.append(Comparison(method, "step", times, {PEER: GOAL}))
    facts["rounds"] = f"{rounds} of {steps} steps each, {'elapsed' if clock == 'wall' else 'computing'} time"
    facts |= {f"both as `{method}`": WAYS[method] for method in methods}
    return Report("A step of each method, 64 + 64 images of 28x28x3, float32, CPU", command_line(), comparisons, facts)


def discriminator(inputs: int) -> Any:
    """As ours has it: one hidden layer of 100."""
    from torch import nn

    return nn.Sequential(nn.Linear(inputs, 100), nn.ReLU(inplace=True), nn.Linear(100, 1), nn.Flatten(0))


def kernels() -> Any:
    """Their maximum mean discrepancy over all pairs, by five widths as ours."""
    import torch
    from pytorch_adapt.layers import MMDLoss

    return MMDLoss(torch.tensor([0.25, 0.5, 1.0, 2.0, 4.0]), mmd_type="quadratic")


def hook(method: str, modules: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    """Their hook of a method, and what it wants beside a batch."""
    import copy

    import torch
    from pytorch_adapt import hooks, layers
    from pytorch_adapt.containers import Models, Optimizers

    extra: dict[str, Any] = {}
    if method in ("cdan", "cdan-e"):
        modules["D"] = discriminator(PROJECTED)
        extra["feature_combiner"] = layers.RandomizedDotProduct([WIDTH, CLASSES], PROJECTED)
    elif method == "mcd":
        modules["C"] = layers.MultipleModels(modules["C"], copy.deepcopy(modules["C"]))
    elif method == "adda":
        modules["T"] = copy.deepcopy(modules["G"])
    if method not in ("dann", "cdan", "cdan-e", "adda", "vada"):
        del modules["D"]
    if method == "vada":
        extra["combined_model"] = torch.nn.Sequential(modules["G"], modules["C"])
    optimisers = Optimizers((torch.optim.SGD, {"lr": RATE, "momentum": MOMENTUM}))
    optimisers.create_with(Models(modules))
    opts = dict(optimisers.items())
    generator = [opts[name] for name in ("G", "C")]
    if method == "deep-coral":
        aligner = hooks.AlignerHook(layers.CORALLoss(), hooks.FeaturesAndLogitsHook(), layer="logits")
        made = hooks.AlignerPlusCHook(generator, aligner_hook=aligner, softmax=False)
    elif method == "dan":
        made = hooks.AlignerPlusCHook(generator, loss_fn=kernels())
    elif method == "jan":
        made = hooks.AlignerPlusCHook(generator, aligner_hook=hooks.JointAlignerHook(kernels()))
    elif method == "dann":
        made = hooks.DANNHook(opts=list(opts.values()))
    elif method in ("cdan", "cdan-e"):
        kind = hooks.CDANHook if method == "cdan" else hooks.CDANEHook
        made = kind(d_opts=[opts["D"]], g_opts=generator)
    elif method == "mcc":
        made = hooks.ClassifierHook(generator, post=[hooks.MCCHook()])
    elif method == "mcd":
        made = hooks.MCDHook(g_opts=[opts["G"]], c_opts=[opts["C"]])
    elif method == "adda":
        made = hooks.ADDAHook(threshold=0.0, d_opts=[opts["D"]], g_opts=[opts["T"]])
    else:
        made = hooks.VADAHook(d_opts=[opts["D"]], g_opts=generator)
    return made, extra


def peer(method: str, clock: str) -> None:
    """pytorch-adapt's hook over batches that lie ready."""
    modules = networks()
    made, extra = hook(method, modules)
    serve_peer(made, modules, ready=True, clock=clock, extra=extra)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peer-python", help="the Python of an environment with pytorch-adapt")
    parser.add_argument("--methods", default=",".join(WAYS), help="with commas")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--steps", type=int, default=5, help="steps a round")
    parser.add_argument("--threads", type=int, help="torch's threads")
    parser.add_argument("--clock", choices=("wall", "cpu"), default="wall")
    parser.add_argument("--json", metavar="FILE")
    parser.add_argument("--contestant", help=argparse.SUPPRESS)
    given = parser.parse_args()
    methods = given.methods.split(",")
    if given.contestant:
        ours(given.clock, methods[0]) if given.contestant == "ours" else peer(methods[0], given.clock)
        return
    if not given.peer_python:
        parser.error("--peer-python names no environment: there is nothing to compare with")
    measure(given.peer_python, methods, given.rounds, given.steps, given.threads, given.clock).finish(given.json)


if __name__ == "__main__":
    main()
