"""`landbridge methods`: what there is to choose from."""


def methods() -> list[dict[str, str]]:
    """List the methods of adaptation, segmentation, fine-tuning and zero-shot learning: purpose, paper, needs.

    Returns:
        One record a method: `name`, `about`, `paper`, `needs`, `options`. Those of segmentation need masks. A name in
        fine-tuning stands for values of some options, which are given; it takes all options of `full` beside them.

    Example:
        >>> [record["name"] for record in methods()][:2]
        ['source-only', 'sa']
    """
    from landbridge.adaptation import METHODS
    from landbridge.finetuning import METHODS as TUNING
    from landbridge.finetuning import PRESETS
    from landbridge.segmentation import METHODS as SEGMENTATION
    from landbridge.training.options import options_of
    from landbridge.zeroshot import METHODS as ZEROSHOT

    records = []
    for registry, labels in ((METHODS, "labelled"), (SEGMENTATION, "masks")):
        for name in registry:
            cls = registry.resolve(name)
            kinds = {"labelled": labels, "unlabelled": "unlabelled"}
            needs = ", ".join(f"{domain} {kinds[kind]}" for domain, kind in cls.needs.items())
            records.append(
                {
                    "name": name,
                    "about": str(cls.__doc__).splitlines()[0],
                    "paper": cls.paper,
                    "needs": needs + (" (oracle)" if cls.oracle else ""),
                    "options": ", ".join(options_of(cls)),
                }
            )
    for name, preset in PRESETS.items():
        given = [f"{option}={value}" for option, value in preset.options.items()]
        records.append(
            {
                "name": name,
                "about": preset.about,
                "paper": preset.paper,
                "needs": "target labelled",
                "options": ", ".join([*given, "those of full"] if given else options_of(TUNING.resolve(name))),
            }
        )
    for name in ZEROSHOT:
        cls = ZEROSHOT.resolve(name)
        records.append(
            {
                "name": name,
                "about": str(cls.__doc__).splitlines()[0],
                "paper": cls.paper,
                "needs": "seen classes labelled, all described",
                "options": ", ".join(cls().get_params()),
            }
        )
    return records
