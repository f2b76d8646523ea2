from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from mmengine.evaluator import BaseMetric
from mmpose.registry import METRICS

from .photo_bootstrap import PhotoBootstrap

#: Areas in square pixels that COCO calls medium and large.
SIZES = {'medium': (32**2, 96**2), 'large': (96**2, np.inf)}


@METRICS.register_module()
class MeanOKS(BaseMetric):
    """Mean object keypoint similarity (OKS) of annotated people, with an interval over photos.

    AP of few people jumps by whole steps; their mean OKS does not. Each annotated person is compared
    with the pose predicted in its own box (ground-truth boxes), so that it is no measure of detection or
    of scores. The interval is a bootstrap: photos are drawn with replacement, all people of a photo
    together. For CocoMetric's people: those with an area and with a labelled keypoint.

    Metrics: ``OKS``; ``OKS_low``, ``OKS_high`` (the interval); ``OKS>0.5``, ``OKS>0.75`` (shares of
    people), ``people``; and the mean of groups: ``OKS(medium)``, ``OKS(large)`` by COCO's areas,
    ``OKS(most joints)`` and ``OKS(few joints)`` by whether 10 joints or more are labelled, and one
    ``OKS[name]`` for each keypoint. A group with nobody in it is left out.

    Args:
        bootstrap: Number of draws; 0: no interval.
        level: Part of the draws that lie in the interval.
        seed: Of the draws.
        collect_device: Where results of several processes are joined, as of MMEngine.
        prefix: Put before the metrics' names.

    Raises:
        TypeError, ValueError: If ``bootstrap``, ``level`` or ``seed`` is none, as of
            :class:`PhotoBootstrap`.
        ValueError: From the evaluation, if the samples come without annotations, as those of detected
            boxes do, or an annotation has keypoints that are no numbers.

    Examples:
        In a config, beside COCO's AP:

        >>> from mmpose.registry import METRICS
        >>> val_evaluator = [
        ...     dict(type='CocoMetric', ann_file='data/coco/annotations/person_keypoints_val2017.json'),
        ...     dict(type='MeanOKS'),
        ... ]
        >>> METRICS.build(val_evaluator[1]).bootstrap
        PhotoBootstrap(draws=2000, level=0.95, seed=0)
    """

    default_prefix = 'oks'

    def __init__(
        self,
        bootstrap: int = 2000,
        level: float = 0.95,
        seed: int = 0,
        collect_device: str = 'cpu',
        prefix: str | None = None,
    ) -> None:
        super().__init__(collect_device, prefix)
        self.bootstrap = PhotoBootstrap(bootstrap, level, seed)

    def process(self, data_batch: object, data_samples: Sequence[dict]) -> None:
        """Keep each annotated person's similarities, joint by joint."""
        sigmas = np.asarray(self.dataset_meta['sigmas'])
        for sample in data_samples:
            annotation = sample.get('raw_ann_info')
            if not isinstance(annotation, dict) or 'keypoints' not in annotation:
                raise ValueError(
                    'MeanOKS compares with the annotation of each box, and these boxes have none: test '
                    'on ground-truth boxes (test_dataloader.dataset.bbox_file=None)'
                )
            true = np.asarray(annotation['keypoints'], float).reshape(-1, 3)
            area = float(annotation.get('area') or 0)
            labelled = true[:, 2] > 0
            if not labelled.any() or area <= 0:
                continue
            if not np.isfinite(true).all():
                raise ValueError(
                    f'annotation {annotation.get("id")} of image {sample["img_id"]} has keypoints that '
                    'are no numbers (NaN or infinite): mend the annotation file'
                )
            found = np.asarray(sample['pred_instances']['keypoints'][0], float)
            similarity = joint_similarity(found, true[:, :2], area, sigmas)
            # A prediction that is no number is nowhere near; NaN marks what is not labelled.
            similarity = np.where(np.isfinite(found).all(axis=-1), similarity, 0.0)
            self.results.append((sample['img_id'], area, np.where(labelled, similarity, np.nan)))

    def compute_metrics(self, results: list[tuple[int, float, np.ndarray]]) -> dict[str, float]:
        """The means over all people, and of each group."""
        if not results:
            raise ValueError('MeanOKS found nobody with an area and a labelled keypoint')
        photos, areas, joints = (np.array(column) for column in zip(*results))
        people = np.nanmean(joints, axis=1)
        metrics = {'OKS': people.mean()}
        if self.bootstrap.draws:
            _, photo = np.unique(photos, return_inverse=True)
            sums, counts = np.bincount(photo, people), np.bincount(photo)
            times = self.bootstrap.times(len(sums))
            means = times @ sums / (times @ counts)
            metrics['OKS_low'], metrics['OKS_high'] = self.bootstrap.interval(means)
        metrics.update({f'OKS>{limit}': (people > limit).mean() for limit in (0.5, 0.75)})
        metrics['people'] = len(people)
        many = (~np.isnan(joints)).sum(axis=1) >= 10
        groups = {name: (areas >= low) & (areas < high) for name, (low, high) in SIZES.items()}
        groups.update({'most joints': many, 'few joints': ~many})
        metrics.update(
            {f'OKS({name})': people[of].mean() for name, of in groups.items() if of.any()}
        )
        names = self.dataset_meta['keypoint_id2name']
        for index, column in enumerate(joints.T):
            if not np.isnan(column).all():
                metrics[f'OKS[{names[index]}]'] = np.nanmean(column)
        return {name: float(value) for name, value in metrics.items()}


def joint_similarity(
    found: np.ndarray, true: np.ndarray, area: float, sigmas: np.ndarray
) -> np.ndarray:
    """Similarity of each keypoint, as COCO's evaluation has it: exp(-d^2 / (8 sigma^2 area)).

    Args:
        found: Predicted positions.
        true: Annotated positions.
        area: Of the person, square pixels.
        sigmas: Of each keypoint.

    Shape:
        (K, 2), (K, 2), (), (K,) -> (K,)
    """
    distances = ((found - true) ** 2).sum(axis=-1)
    return np.exp(-distances / (8 * sigmas**2 * (area + np.spacing(1))))
