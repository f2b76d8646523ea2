"""What a data set is made from, checked."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from .scene import COMPANIES, VIEWS

VERSION = '1.0'  # raise it whenever the same settings would give other bytes
LEAST_SIZE, MOST_SIZE = 64, 2048
MIXED, ANY = 'mixed', 'any'


@dataclass(frozen=True)
class Settings:
    """Settings of a data set; equal settings give equal bytes.

    Args:
        train: Number of training images.
        val: Number of validation images.
        seed: Seed of everything random, 0 or more.
        size: Height and width of the images in pixels.
        company: How near people are to each other: a name in :data:`~.scene.COMPANIES`, or 'mixed'.
        view: From where people are seen: 'any', or 'front': all face the camera and none lies.

    Raises:
        ValueError: For a value out of range.

    Examples:
        >>> from sdpose_synth import Settings
        >>> Settings(train=8, val=2, company='alone').size
        256
        >>> Settings(size=8)
        Traceback (most recent call last):
        ValueError: size (8) must be 64 to 2048 pixels; 256 is usual
    """

    train: int = 2000
    val: int = 300
    seed: int = 0
    size: int = 256
    company: str = MIXED
    view: str = ANY

    def __post_init__(self) -> None:
        for name in ('train', 'val', 'seed'):
            value = getattr(self, name)
            if value < 0:
                raise ValueError(f'{name} ({value}) must be 0 or more')
        if self.train + self.val == 0:
            raise ValueError('train (0) and val (0) ask for no image: set one to 1 or more')
        if not LEAST_SIZE <= self.size <= MOST_SIZE:
            raise ValueError(
                f'size ({self.size}) must be {LEAST_SIZE} to {MOST_SIZE} pixels; 256 is usual'
            )
        known = [MIXED, *COMPANIES]
        if self.company not in known:
            raise ValueError(f'company ({self.company}) must be one of {", ".join(known)}')
        if self.view not in VIEWS:
            raise ValueError(f'view ({self.view}) must be one of {", ".join(VIEWS)}')

    def as_dict(self) -> dict:
        """The settings with the version of the code that draws."""
        settings = dict(version=VERSION, **asdict(self))
        for name in self._usual():  # what data sets made before there was a choice say
            del settings[name]
        return settings

    def command(self) -> str:
        """The command that makes this data set, whatever the folder and number of workers."""
        options = ['train', 'val', 'seed', 'size', 'company', 'view']
        return 'mim run mmpose_sdpose make_synthpose --out data/synthpose ' + ' '.join(
            f'--{name} {getattr(self, name)}' for name in options if name not in self._usual()
        )

    def _usual(self) -> list[str]:
        """Names of the choices that are left as they are by default."""
        usual = dict(company=MIXED, view=ANY)
        return [name for name, value in usual.items() if getattr(self, name) == value]
