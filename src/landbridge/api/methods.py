"""`landbridge methods`: what there is to choose from."""


def methods() -> list[dict[str, str]]:
    """List the methods: what each is for, its paper, and what it needs.

    Returns:
        One record a method: `name`, `about`, `paper`, `needs`, `options`.

    Example:
        >>> [record["name"] for record in methods()][:2]
        ['source-only', 'sa']
    """
    from landbridge.adaptation import METHODS
    from landbridge.training.options import options_of

    records = []
    for name in METHODS:
        cls = METHODS.resolve(name)
        needs = ", ".join(f"{domain} {kind}" for domain, kind in cls.needs.items())
        records.append(
            {
                "name": name,
                "about": str(cls.__doc__).splitlines()[0],
                "paper": cls.paper,
                "needs": needs + (" (oracle)" if cls.oracle else ""),
                "options": ", ".join(options_of(cls)),
            }
        )
    return records
