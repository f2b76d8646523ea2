from __future__ import annotations

import os
from pathlib import Path

from mmpose.datasets import CocoDataset, CrowdPoseDataset
from mmpose.registry import DATASETS


class CheckedFilesMixin:
    """Says what is wrong with the files of a COCO-style data set before a run starts.

    Args:
        source: Where the data comes from, for the error that reports it missing.

    Raises:
        FileNotFoundError: If the annotation file, the box file or an image is not there.
        ValueError: If a file is not JSON, has no person in it, or another number of keypoints.
    """

    def __init__(self, *args, source: str = 'the maker of this data set', **kwargs) -> None:
        self.source = source
        super().__init__(*args, **kwargs)

    def load_data_list(self) -> list[dict]:
        for kind, path in (('annotation file', self.ann_file), ('box file', self.bbox_file)):
            if path and not os.path.isfile(path):
                raise FileNotFoundError(self._missing(kind, path))
        try:
            data_list = super().load_data_list()
        except (
            KeyError,
            TypeError,
            IndexError,
            AttributeError,
            ValueError,
            AssertionError,
        ) as error:
            files = ' or '.join(filter(None, (self.ann_file, self.bbox_file)))
            raise ValueError(
                f'{files} is no COCO-style JSON file ({type(error).__name__}: {error}): '
                f'get it again from {self.source}'
            ) from error
        if not data_list:
            raise ValueError(f'{self.bbox_file or self.ann_file} holds no person with keypoints')
        self._check_keypoints([data_list[0]['keypoints'].shape[1]])
        self._check_images(data_list)
        return data_list

    def _load_detection_results(self) -> list[dict]:
        """Boxes bring no keypoints, so what the metric will compare with is looked at here."""
        data_list = super()._load_detection_results()
        people = self.coco.loadAnns(self.coco.getAnnIds()[:1])
        self._check_keypoints([len(person['keypoints']) // 3 for person in people])
        return data_list

    def _check_keypoints(self, counts: list[int]) -> None:
        expected = self.metainfo['num_keypoints']
        found = counts[0] if counts else expected
        if found != expected:
            raise ValueError(
                f'{self.ann_file} has {found} keypoints a person, {type(self).__name__} expects '
                f'{expected}: use the config for this data set'
            )

    def _check_images(self, data_list: list[dict]) -> None:
        """One look into each folder, however many images there are."""
        paths = {Path(item['img_path']) for item in data_list}
        present = {
            folder / entry.name
            for folder in {path.parent for path in paths}
            if folder.is_dir()
            for entry in os.scandir(folder)
        }
        missing = sorted(map(str, paths - present))
        if missing:
            kind = f'{len(missing)} of {len(paths)} images named in {self.ann_file}, the first'
            raise FileNotFoundError(self._missing(kind, missing[0]))

    def _missing(self, kind: str, path: str) -> str:
        return f'{kind} not found: expected at {os.path.abspath(path)}, comes from {self.source}'


@DATASETS.register_module()
class CheckedCocoDataset(CheckedFilesMixin, CocoDataset):
    """MMPose's COCO data set (17 keypoints), its files checked before the run."""


@DATASETS.register_module()
class CheckedCrowdPoseDataset(CheckedFilesMixin, CrowdPoseDataset):
    """MMPose's CrowdPose data set (14 keypoints), its files checked before the run."""
