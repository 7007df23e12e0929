"""Emoji pictures held on the device, drawn and varied there: no step reads anything back or moves a picture."""

import torch
from torch import Tensor
from torch.nn import functional as F

from remdm.domains.image import emoji
from remdm.domains.image.emoji import ALL, SOME, SWAPPED
from remdm.domains.image.emoji_art import SIDE
from remdm.models.small_vqgan import SmallVQGAN
from remdm.models.vq import as_input

SIZES = (82, 86, 90, 92)
"""Sides in pixels of what is drawn in a picture of 96."""
PLAIN = 88
GROUPS = 8
"""Parts of a batch; pictures of a part have the same size and place."""
SLIGHT = 0.5
"""The largest turn of hues where they may change a little, in radians."""


class Album:
    """Training and held-out pictures on a device.

    Attributes:
        label, style: of each picture, int64 `[N]`. heldout: bool `[N]`.
        train: indices of the training pictures. weight: how often each is drawn: categories equally often, but
            small ones less, by the square root of their size.
    """

    def __init__(self, pictures: emoji.Emoji, device: torch.device) -> None:
        moved = lambda array: torch.from_numpy(array).to(device)  # noqa: E731
        self.device = device
        self.pixels, self.label, self.style = moved(pictures.pixels), moved(pictures.label), moved(pictures.style)
        self.heldout = moved(pictures.heldout)
        self.train = (~self.heldout).nonzero()[:, 0]
        size = torch.bincount(self.label[self.train], minlength=len(emoji.CATEGORIES)).clamp(min=1).float()
        self.even = 1 / size[self.label[self.train]]
        self.weight = size[self.label[self.train]].rsqrt()
        self.flips = torch.tensor([each.flips for each in emoji.CATEGORIES], device=device)
        self.colours = torch.tensor([each.colours for each in emoji.CATEGORIES], device=device)
        orders = [(0, 1, 2), (0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0)]
        self.swaps = torch.eye(3, device=device)[torch.tensor(orders, device=device)]

    def drawn(self, size: int, generator: torch.Generator, even: bool = False) -> Tensor:
        """Indices `[size]` of training pictures; `even`: each category equally often."""
        weight = self.even if even else self.weight
        return self.train[torch.multinomial(weight, size, replacement=True, generator=generator)]

    def plain(self, chosen: Tensor) -> Tensor:
        """Pictures `[n, 3, 96, 96]` in [-1, 1] as they are, with a margin."""
        return _placed(as_input(self.pixels[chosen]), PLAIN, 4, 4)

    def varied(self, chosen: Tensor, generator: torch.Generator) -> Tensor:
        """Pictures `[n, 3, 96, 96]` in [-1, 1], each shrunk and moved, and where it may be mirrored or recoloured."""
        pictures = as_input(self.pixels[chosen])
        pictures = self._recoloured(pictures, self.label[chosen], generator)
        luck = torch.rand(len(chosen), generator=generator, device=self.device)
        mirrored = (luck < 0.5) & self.flips[self.label[chosen]]
        pictures = torch.where(mirrored[:, None, None, None], pictures.flip(3), pictures)
        parts = []
        for part in pictures.chunk(GROUPS):
            side = SIZES[int(torch.randint(len(SIZES), ()))]
            free = SIDE - side
            middle = free // 2
            top, left = (min(free, max(0, middle + int(torch.randint(-3, 4, ())))) for _ in range(2))
            parts.append(_placed(part, side, top, left))
        return torch.cat(parts).contiguous(memory_format=torch.channels_last)

    @torch.inference_mode()
    def codes(self, vq: SmallVQGAN, variations: int) -> Tensor:
        """Codes of variations of every picture, held-out ones too, int16 `[variations, N, 256]`, on the device."""
        generator = torch.Generator(self.device).manual_seed(2)
        everyone = torch.arange(len(self.label), device=self.device)
        every = []
        for _ in range(variations):
            codes = [vq.encode(self.varied(part, generator)).flatten(1) for part in everyone.split(512)]
            every.append(torch.cat(codes).to(torch.int16))
        return torch.stack(every)

    def _recoloured(self, pictures: Tensor, label: Tensor, generator: torch.Generator) -> Tensor:
        """Half of those that may be: a turn about the grey axis, or an exchange of channels; white stays white."""
        count, kind = len(pictures), self.colours[label]
        random = lambda: torch.rand(count, generator=generator, device=self.device)  # noqa: E731
        largest = torch.where(kind == ALL, torch.pi, torch.where(kind == SOME, SLIGHT, 0.0))
        angle = (2 * random() - 1) * largest * (random() < 0.5)
        turn = _turns(angle)
        swap = self.swaps[torch.randint(6, (count,), generator=generator, device=self.device)]
        matrix = torch.where(((kind == SWAPPED) & (random() < 0.5))[:, None, None], swap, turn)
        return torch.einsum("bij,bjhw->bihw", matrix, pictures).clamp(-1, 1)


def _turns(angle: Tensor) -> Tensor:
    """Rotations of RGB about the grey axis, `[n, 3, 3]` (Rodrigues)."""
    cos, sin = angle.cos()[:, None, None], angle.sin()[:, None, None]
    eye = torch.eye(3, device=angle.device)
    cross = (eye.roll(1, 0) - eye.roll(1, 1)) / 3**0.5
    return cos * eye + (1 - cos) / 3 + sin * cross


def _placed(pictures: Tensor, side: int, top: int, left: int) -> Tensor:
    small = F.interpolate(pictures, size=(side, side), mode="bicubic", antialias=True, align_corners=False)
    free = SIDE - side
    return F.pad(small, (left, free - left, top, free - top), value=1.0).clamp(-1, 1)
