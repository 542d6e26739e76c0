"""`landbridge backbones`: networks to start from."""


def backbones() -> list[dict[str, str]]:
    """List networks: our own, and some of timm's and torchvision's, all of whose names work too.

    Returns:
        One record a network: `name`, `about`, `paper`, `needs`.

    Example:
        >>> backbones()[0]["name"]
        'ganin-mnist'
    """
    from landbridge.nn.backbones import backbone_catalogue

    return [entry._asdict() for entry in backbone_catalogue()]
