"""`landbridge align`: from images with sentences to a dual encoder and its report."""

from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from landbridge.runs import Run


def align(
    captions: str | None = None,
    image_encoder: str | None = None,
    weights: str | None = None,
    text_encoder: str = "transformer",
    width: int = 256,
    start: str | None = None,
    loss: str = "info-nce",
    temperature: float | None = None,
    margin: float | None = None,
    image_rate_ratio: float = 1.0,
    text_rate_ratio: float = 1.0,
    lora: int = 0,
    wise_ft: float = 1.0,
    batch_norm: Literal["train", "frozen"] = "train",
    chunk: int = 0,
    steps: int = 2000,
    batch_size: int = 128,
    rate: float = 1e-3,
    weight_decay: float = 0.1,
    warmup: float = 0.1,
    begin: Literal["random", "correlations"] = "random",
    hinge_warmup: float | None = None,
    clip: float | None = 1.0,
    augment: str = "none",
    seed: int = 0,
    select: str = "recall",
    probe: str | None = None,
    template: str = "a photo of a {}.",
    unreadable: float = 0.01,
    out: str | None = None,
    resume: str | None = None,
    data_root: str | None = None,
    device: str = "auto",
    devices: int = 1,
    strategy: str = "auto",
    precision: str = "32-true",
    checkpoint_every: int = 200,
    tensorboard: bool = False,
    quiet: bool = False,
) -> "Run":
    """Train or tune a dual encoder, so that images and the sentences that describe them lie in one space.

    From scratch: name an image encoder, and a text encoder that begins without words and learns those of the training
    captions. Or tune a whole model with `start`, and keep what it knew: a locked image tower (`image_rate_ratio 0`),
    small rates, `lora`, `wise_ft`. What it tells apart without having been taught is measured before and after, see
    `probe`. The run folder holds `config.yaml`, `metrics.json`,
    `report.html`, `log.csv`, `looks/` and `model/`.

    Args:
        captions: images with sentences: `flickr8k`, `flowers102`, `emoji/VENDOR` (the one held out), `recipes`, or your
            own: a CSV, JSON or JSONL file (`image` and `caption`, or `captions` as a list), Karpathy's JSON, a folder
            with a folder a class (`FOLDER?templates=a photo of a {}.`), or WebDataset shards (`shards-{000..003}.tar`,
            or their folder).
        image_encoder: network for images; `landbridge backbones` lists some.
        weights: where it starts from: `none`, `hub`, or a file.
        text_encoder: network for sentences: `transformer?width=256&layers=4`, `open_clip/NAME`, or `recipe`.
        width: of the common space.
        start: a whole dual encoder to tune in place of these: a saved model or its run; or `open_clip/NAME`, for which
            `weights` is a checkpoint, a tag that open_clip knows, or `hub`.
        loss: `info-nce`, `siglip`, `triplet` (the sum of hinges), `hardest-triplet` or `adamine`.
        temperature: of the softmax; learned by default.
        margin: of the triplet losses; by default the loss's own.
        image_rate_ratio: rate of the image encoder over that of the heads; 0 locks it, and without `augment` its
            features are computed once.
        text_rate_ratio: likewise of the text encoder.
        lora: rank of what is added to linear layers, while the towers' own weights stay; 0 adds nothing.
        wise_ft: how far to go from the start to the tuned weights at the end: 1 all the way, 0.5 half.
        batch_norm: `train`; or `frozen`, statistics and weights of the image encoder's BatchNorm stay.
        chunk: images that pass through the encoders at once, for batches larger than memory; 0 for all.
        steps: optimiser steps.
        batch_size: pairs a step, over all processes.
        rate: learning rate of AdamW after the warm-up.
        weight_decay: of AdamW.
        warmup: part of the steps in which the rate rises.
        hinge_warmup: part of the steps in which `hardest-triplet` takes the sum over all negatives, before it takes the
            hardest alone, 0.2 by default; with 0, the loss as published, everything may fall into one place.
        begin: where the projections begin: `random`; or `correlations`, for recipes and a locked image encoder: where
            canonical correlations of the training pairs put them.
        clip: largest norm of a gradient.
        augment: augmentation of the images, see `adapt`.
        seed: what all randomness comes from.
        select: which weights are kept: `recall`, the best on the validation part (a tenth of the training images where
            the captions have none), or `last`.
        probe: a domain with names of classes, to see what the model knows beside the captions; by default the captions'
            own classes, else with `start` the embedded `shapes`; `none` for no probe.
        template: the sentence for a class, `{}` where its name goes.
        unreadable: share of images that may be missing, unreadable or without a caption; they are skipped and named in
            skipped.txt.
        out: run folder; by default `runs/<time>-align`.
        resume: run folder to go on with; all settings come from it.
        data_root: folder of the data sets; LANDBRIDGE_DATA by default.
        device: `auto`, `cpu`, `cuda`, `mps`.
        devices: number of processes.
        strategy: how they work together (`ddp`).
        precision: `32-true`, `bf16-mixed`, `16-mixed`.
        checkpoint_every: steps between checkpoints, and between looks at the validation part.
        tensorboard: log for TensorBoard too.
        quiet: show no progress.

    Returns:
        The finished run.

    Raises:
        LandbridgeError: something you can mend, in one line.

    Example:
        >>> align("no/such/captions.csv", "small-cnn", quiet=True, out=str(tmp / "run"))
        Traceback (most recent call last):
        landbridge.core.errors.MissingDataError: ...
    """
    from pathlib import Path

    from landbridge.api._aligning import Aligning, align_cell
    from landbridge.api._recipe import Machine, free_folder
    from landbridge.api._recipes import write_questions
    from landbridge.core.errors import LandbridgeError
    from landbridge.reports.alignment import write_alignment_report
    from landbridge.runs.run import read_config

    machine = Machine(device, devices, strategy, data_root, tensorboard, quiet)
    if resume is not None:
        folder = Path(resume)
        settings = Aligning(**read_config(folder))
    elif captions is None:
        raise LandbridgeError("align needs CAPTIONS: a name such as flickr8k, or a file of your own with captions")
    else:
        folder = free_folder(out, "align")
        settings = Aligning(
            captions=captions, backbone=image_encoder, weights=weights, text_encoder=text_encoder, width=width,
            start=start, loss=loss, temperature=temperature, margin=margin, image_rate_ratio=image_rate_ratio,
            text_rate_ratio=text_rate_ratio, lora=lora, wise_ft=wise_ft, batch_norm=batch_norm, chunk=chunk,
            steps=steps, batch_size=batch_size, rate=rate, weight_decay=weight_decay, warmup=warmup,
            hinge_warmup=hinge_warmup, begin=begin, clip=clip,
            augment=augment, seed=seed, select=select, probe=probe, template=template, unreadable=unreadable,
            precision=precision, checkpoint_every=checkpoint_every,
        )  # fmt: skip
    run = align_cell(settings, folder, machine)
    if machine.is_first_process:
        write_alignment_report(run)
        write_questions(run)
    return run
