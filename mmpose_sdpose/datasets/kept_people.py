"""All people of a training data set on the accelerator, from where batches are taken."""

from __future__ import annotations

import copy
from collections.abc import Iterator

import torch
from mmengine.dataset import BaseDataset
from mmengine.logging import print_log
from mmengine.utils import ProgressBar
from mmpose.datasets import CombinedDataset
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from .person_crop import PackPersonCrop

#: Transforms of a data set within a mixture that give the same person each time.
_STEADY = ('KeypointConverter',)
#: People that are read at once.
_READ = 64
#: Of the memory that is free, what people may take.
_SHARE = 0.7


class KeptPeople:
    """A loader that reads each person once and then hands over batches that are on the device already.

    It shows the people that its loader would show, in the same order: shuffling, and the shares of a
    ``CombinedDataset``, are the loader's.

    Args:
        loader: A loader of people whose pipeline is ``PackPersonCrop``.
        device: Where they are kept: 3 bytes times ``size`` squared for each.

    Raises:
        ValueError: If the pipeline does anything else, which would be frozen, or the data set is
            neither one of MMPose nor a mixture of such.

    Examples:
        >>> from mmpose_sdpose.datasets import KeptPeople
        >>> kept = KeptPeople(loader, torch.device('cuda'))  # doctest: +SKIP
        >>> next(iter(kept))['inputs'].device  # doctest: +SKIP
        device(type='cuda', index=0)
    """

    def __init__(self, loader: DataLoader, device: torch.device) -> None:
        _check_data(loader.dataset)
        self.dataset: BaseDataset = loader.dataset
        self.batch_sampler = loader.batch_sampler
        self.batch_size, self.num_workers = loader.batch_size, loader.num_workers
        self.device = device
        self._people: dict[str, Tensor] = {}
        # As the loader's own: it draws its random numbers when the loader would.
        self._positions = DataLoader(
            _Positions(self.dataset), batch_sampler=self.batch_sampler, collate_fn=torch.tensor
        )

    def __len__(self) -> int:
        return len(self._positions)

    def __iter__(self) -> Iterator[dict[str, Tensor]]:
        self.read()
        for positions in self._positions:
            chosen = positions.to(self.device, non_blocking=True)
            yield {name: values[chosen] for name, values in self._people.items()}

    def read(self) -> None:
        """Read everybody, once.

        Raises:
            FileNotFoundError: If a photo is not there or cannot be read.
            ValueError: If they do not fit into the device's memory.
        """
        if self._people:
            return
        everyone = _everyone(self.dataset)
        said = f'reading {len(everyone):,} people once, to keep them on {self.device}'
        print_log(said, 'current')
        bar = ProgressBar(len(everyone), start=False)
        bar.file.write(f'{said}\n')  # it may take minutes, and a terminal need not show the log
        bar.start()
        loader = DataLoader(
            everyone,
            batch_size=_READ,
            num_workers=self.num_workers,
            generator=torch.Generator(),  # draws nothing of what augmentation draws from
        )
        people: dict[str, Tensor] = {}
        read = 0
        for batch in loader:
            if not people:
                people = self._room(batch, len(everyone))
            for name, values in batch.items():
                people[name][read : read + len(values)] = values
            read += len(batch['inputs'])
            bar.update(len(batch['inputs']))
        bar.file.write('\n')
        self._people = people  # all of them, or none

    def _room(self, batch: dict[str, Tensor], people: int) -> dict[str, Tensor]:
        needed = people * batch['inputs'][0].numel()
        if self.device.type == 'cuda':
            free, _ = torch.cuda.mem_get_info(self.device)
            if needed > _SHARE * free:
                raise ValueError(
                    f'{people:,} people need {needed / 2**30:.1f} GiB on {self.device}, which has '
                    f'{free / 2**30:.1f} GiB left and must train, too: lower the size of '
                    'PackPersonCrop, or train with train_cfg.type=EpochBasedTrainLoop, which keeps them '
                    'in the loader'
                )
        return {
            name: torch.empty((people, *values.shape[1:]), dtype=values.dtype, device=self.device)
            for name, values in batch.items()
        }


def _check_data(dataset: BaseDataset) -> None:
    sets = (dataset, *getattr(dataset, 'datasets', []))
    for one in sets:
        nested = one is not dataset and isinstance(one, CombinedDataset)
        if nested or not isinstance(one, BaseDataset):
            raise ValueError(
                'people are kept of a data set of MMPose, or of a CombinedDataset of such, not of a '
                f'{type(one).__name__}{" within it" * (one is not dataset)}: train with '
                'train_cfg.type=EpochBasedTrainLoop'
            )
    frozen = [
        type(transform).__name__
        for one in sets
        for transform in one.pipeline.transforms
        if not isinstance(transform, PackPersonCrop) and type(transform).__name__ not in _STEADY
    ]
    steps = [type(one) for one in dataset.pipeline.transforms]
    if frozen or PackPersonCrop not in steps:
        raise ValueError(
            'each person is read once, so the pipeline of training must be PackPersonCrop; it has '
            f'{", ".join(frozen) or "no PackPersonCrop"}: leave augmentation to DeviceAugmentation, '
            'or train with train_cfg.type=EpochBasedTrainLoop'
        )


class _Positions(Dataset):
    """Where a data set's samples are among all its people; a mixture draws some of them at random."""

    def __init__(self, dataset: BaseDataset) -> None:
        self.dataset = dataset
        self.starts = [0]
        if isinstance(dataset, CombinedDataset):
            for part, shown in zip(dataset.datasets, dataset.lens):
                self.starts.append(self.starts[-1] + len(part) * bool(shown))

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, index: int) -> int:
        if not isinstance(self.dataset, CombinedDataset):
            return index
        part, local = self.dataset._get_subset_index(index)
        return self.starts[part] + local


def _everyone(dataset: BaseDataset) -> BaseDataset:
    """A data set that shows each person once, in order, and keeps none of them itself.

    Of a mixture, the parts that are shown at all.
    """
    everyone = copy.copy(dataset)
    vars(everyone).pop('__getitems__', None)  # EpochSeedHook's, which asks the original
    everyone.pipeline = copy.deepcopy(dataset.pipeline)
    for transform in everyone.pipeline.transforms:
        if isinstance(transform, PackPersonCrop):
            transform.keep = False
    if isinstance(dataset, CombinedDataset):
        everyone.datasets = [part for part, shown in zip(dataset.datasets, dataset.lens) if shown]
        everyone.resample = False
        everyone._lens = [len(part) for part in everyone.datasets]
        everyone._len = sum(everyone._lens)
    return everyone
