"""Networks that turn an example of one domain into one of another, and those that judge what comes out.

All are small, for pictures of some 16 to 64 pixels, and there is one of each kind for feature vectors. They normalise
by groups of channels, never over a batch: what becomes of an example depends on that example alone.
"""

import itertools
import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from landbridge.core.processes import gather, world
from landbridge.nn.backbones import Backbone
from landbridge.nn.heads import Head
from landbridge.nn.preprocessing import Preprocessing

HIDDEN, MAPS = 64, 32
"""Width of the hidden layers on vectors; channels of the maps that images are made from."""


def shape_read(backbone: Backbone) -> tuple[int, ...]:
    """The shape of an example that is ready for a backbone: (3, h, w), or (D,)."""
    return tuple(backbone.example().shape[1:])


class Pixels(nn.Module):
    """Any numbers [N, 3, h, w] to those that a preprocessed image can have: a sigmoid between black and white."""

    black: Tensor
    white: Tensor

    def __init__(self, preprocessing: Preprocessing) -> None:
        super().__init__()
        means, stds = (
            torch.tensor(values).expand(3)[:, None, None] for values in (preprocessing.mean, preprocessing.std)
        )
        self.register_buffer("black", -means / stds)
        self.register_buffer("white", (1 - means) / stds)

    def forward(self, x: Tensor) -> Tensor:
        """Real numbers to pixels."""
        return self.black + (self.white - self.black) * x.sigmoid()


class Translator(nn.Module):
    """An example of one domain to the like of another, of the same shape.

    On images: down to half the size, two residual blocks, and up again, with what was seen at full size at hand for the
    last layer; a small cousin of the networks of CycleGAN (Zhu et al., ICCV 2017). On vectors: the vector plus what
    one hidden layer makes of it.

    Args:
        shape: of an example: (3, h, w), or (D,).
        preprocessing: of the images, whose range the output keeps to.
        width: channels at full size.

    >>> Translator((3, 28, 28), Preprocessing())(torch.zeros(2, 3, 28, 28)).shape
    torch.Size([2, 3, 28, 28])
    """

    def __init__(self, shape: Sequence[int], preprocessing: Preprocessing, width: int = 8) -> None:
        super().__init__()
        self.images = len(shape) == 3
        if not self.images:
            self.change = Head(shape[0], (HIDDEN,), shape[0])
            return
        inner = 4 * width
        self.enter = nn.Sequential(nn.Conv2d(shape[0], width, 3, padding=1), nn.ReLU(inplace=True))
        self.inside = nn.Sequential(
            *_convolved(width, inner, 4, 2),
            _Residual(inner),
            _Residual(inner),
            nn.Conv2d(inner, width, 3, padding=1),
            nn.ReLU(inplace=True),
            nn.Upsample(scale_factor=2),  # a transposed convolution would leave a chequered pattern
        )
        self.leave = nn.Sequential(nn.Conv2d(2 * width, shape[0], 3, padding=1), Pixels(preprocessing))
        self.to(memory_format=torch.channels_last)

    def forward(self, x: Tensor) -> Tensor:
        """Preprocessed examples to preprocessed examples [N, *shape]."""
        if not self.images:
            changed: Tensor = x + self.change(x)
            return changed
        height, width = x.shape[-2:]
        # Halving and doubling gives an odd size back only if it is made even first.
        seen = self.enter(F.pad(x, (0, width % 2, 0, height % 2), mode="replicate"))
        translated: Tensor = self.leave(torch.cat([seen, self.inside(seen)], 1))
        return translated[..., :height, :width]


class Decoders(nn.Module):
    """Features back to examples, of the source or of the target: their first layer is shared, the others are not.

    On images: from maps of at most eight pixels a side up by transposed convolutions. On vectors: one hidden layer.

    Args:
        width: of the features.
        shape: of an example: (3, h, w), or (D,).
        preprocessing: of the images, whose range the output keeps to.

    >>> decoders = Decoders(768, (3, 28, 28), Preprocessing())
    >>> begun = decoders.shared(torch.zeros(2, 768))
    >>> decoders.source(begun).shape, decoders.target(begun).shape
    (torch.Size([2, 3, 28, 28]), torch.Size([2, 3, 28, 28]))
    """

    def __init__(self, width: int, shape: Sequence[int], preprocessing: Preprocessing) -> None:
        super().__init__()
        if len(shape) == 1:
            self.shared = nn.Sequential(nn.Linear(width, HIDDEN), nn.ReLU(inplace=True))
            self.source: nn.Module = Head(HIDDEN, (HIDDEN,), shape[0])
            self.target: nn.Module = Head(HIDDEN, (HIDDEN,), shape[0])
            return
        doublings = max(2, math.ceil(math.log2(max(shape[1:]) / 8)))
        smallest = [math.ceil(side / 2**doublings) for side in shape[1:]]
        places = MAPS * math.prod(smallest)
        self.shared = nn.Sequential(
            nn.Linear(width, places),
            nn.Unflatten(1, (MAPS, *smallest)),
            nn.GroupNorm(8, MAPS),
            nn.ReLU(inplace=True),
        )
        self.source, self.target = _Decoder(shape, doublings, preprocessing), _Decoder(shape, doublings, preprocessing)


class _Decoder(nn.Module):
    """Small maps to an image, doubled in size again and again; what is too much is cut off."""

    def __init__(self, shape: Sequence[int], doublings: int, preprocessing: Preprocessing) -> None:
        super().__init__()
        self.size = tuple(shape[1:])
        channels = [MAPS] * doublings
        layers: list[nn.Module] = []
        for before, after in itertools.pairwise(channels):
            layers += [
                nn.ConvTranspose2d(before, after, 4, 2, 1, bias=False),
                nn.GroupNorm(8, after),
                nn.ReLU(inplace=True),
            ]
        layers += [nn.ConvTranspose2d(channels[-1], shape[0], 4, 2, 1), Pixels(preprocessing)]
        self.layers = nn.Sequential(*layers).to(memory_format=torch.channels_last)

    def forward(self, begun: Tensor) -> Tensor:
        image: Tensor = self.layers(begun.contiguous(memory_format=torch.channels_last))
        return image[..., : self.size[0], : self.size[1]]


def example_discriminator(shape: Sequence[int]) -> nn.Module:
    """Examples to whether they are real: one number for each patch of an image, or one for each vector.

    Three convolutions, as Murez et al. (CVPR 2018, section 4) have on digits; a patch is 18 pixels wide.

    Args:
        shape: of an example: (3, h, w), or (D,).

    >>> example_discriminator((3, 28, 28))(torch.zeros(2, 3, 28, 28)).shape
    torch.Size([2, 49])
    """
    if len(shape) == 1:
        return Head(shape[0], (HIDDEN, HIDDEN), 1)
    return nn.Sequential(
        nn.Conv2d(shape[0], HIDDEN // 2, 4, 2, 1),
        nn.LeakyReLU(0.2, inplace=True),
        nn.Conv2d(HIDDEN // 2, HIDDEN, 4, 2, 1, bias=False),
        nn.GroupNorm(8, HIDDEN),
        nn.LeakyReLU(0.2, inplace=True),
        nn.Conv2d(HIDDEN, 1, 3, padding=1),
        nn.Flatten(),
    ).to(memory_format=torch.channels_last)


class Pool(nn.Module):
    """A few translated examples of earlier steps, so that a discriminator does not forget what it saw through.

    Of each batch every other example is shown as it is, and the rest are put into the pool in place of random ones of
    it, which are shown instead (Shrivastava et al., CVPR 2017, section 2.3; Zhu et al., ICCV 2017, section 4). All
    processes hold the same pool of the whole batch.

    Args:
        size: how many are kept; 0 keeps none, and shows each batch as it is.
        shape: of an example.

    >>> pool = Pool(4, (1,))
    >>> first, second = torch.zeros(4, 1), torch.ones(4, 1)
    >>> pool(first).flatten().tolist(), pool(second).flatten().tolist()
    ([0.0, 0.0, 0.0, 0.0], [1.0, 0.0, 1.0, 0.0])
    """

    kept: Tensor
    calls: Tensor

    def __init__(self, size: int, shape: Sequence[int]) -> None:
        super().__init__()
        self.register_buffer("kept", torch.zeros(size, *shape))
        self.register_buffer("calls", torch.zeros((), dtype=torch.int64))

    @torch.no_grad()
    def forward(self, fakes: Tensor) -> Tensor:
        """Made examples [n, *shape], half of them exchanged for ones of the pool."""
        rank, size = world()
        # In the order that one process would have them in.
        shown: Tensor = gather(fakes.contiguous()).unflatten(0, (size, -1)).transpose(0, 1).flatten(0, 1).clone()
        if not self.calls:
            self.kept.copy_(shown[torch.arange(len(self.kept), device=shown.device) % len(shown)])
        # The draw is a function of the state: the same in all processes, and in a resumed run.
        draw = torch.Generator().manual_seed(int(self.calls))
        slots = torch.randperm(len(self.kept), generator=draw)[: len(shown) // 2].to(shown.device)
        places = torch.arange(1, len(shown), 2, device=shown.device)[: len(slots)]
        earlier = self.kept[slots]
        self.kept[slots] = shown[places]
        shown[places] = earlier
        self.calls += 1
        return shown[rank::size]


def _convolved(before: int, after: int, kernel: int, stride: int) -> list[nn.Module]:
    """A convolution, normalisation and a ReLU."""
    convolution = nn.Conv2d(before, after, kernel, stride, padding=1, bias=False)
    return [convolution, nn.GroupNorm(8, after), nn.ReLU(inplace=True)]


class _Residual(nn.Module):
    """Two convolutions, whose result is added to what came in."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            *_convolved(width, width, 3, 1), nn.Conv2d(width, width, 3, padding=1, bias=False), nn.GroupNorm(8, width)
        )

    def forward(self, x: Tensor) -> Tensor:
        changed: Tensor = x + self.layers(x)
        return changed
