from __future__ import annotations

import io
from contextlib import redirect_stdout
from typing import Any

import numpy as np
from mmpose.evaluation import CocoMetric
from mmpose.registry import METRICS
from xtcocotools.cocoeval import COCOeval

from .photo_bootstrap import PhotoBootstrap


@METRICS.register_module()
class CocoMetricWithInterval(CocoMetric):
    """MMPose's COCO and CrowdPose AP, with an interval over photos.

    Of few photos, AP says little by itself: another sample of as many could as well have given any AP
    within the interval. It is a bootstrap: photos are drawn with replacement, all people of a photo
    together, and AP is computed anew, as COCO's evaluation does. Photos without people and without
    predictions are not drawn.

    Metrics: those of :class:`mmpose.evaluation.CocoMetric`, and ``AP_low`` and ``AP_high``.

    Args:
        bootstrap: Number of draws; 0: no interval.
        level: Part of the draws that lie in the interval.
        seed: Of the draws.
        **kwargs: Arguments of ``CocoMetric``.

    Raises:
        ValueError: If ``bootstrap`` is negative or ``level`` is not between 0 and 1.

    Examples:
        >>> test_evaluator = dict(
        ...     type='CocoMetricWithInterval',
        ...     ann_file='data/coco/annotations/person_keypoints_val2017.json',
        ... )
    """

    def __init__(
        self, bootstrap: int = 1000, level: float = 0.95, seed: int = 0, **kwargs: Any
    ) -> None:
        self.bootstrap = PhotoBootstrap(bootstrap, level, seed)  # before a large file is read
        super().__init__(**kwargs)

    def _do_python_keypoint_eval(self, outfile_prefix: str) -> list[tuple[str, float]]:
        metrics = super()._do_python_keypoint_eval(outfile_prefix)
        if self.bootstrap.draws:
            aps = self._draw(f'{outfile_prefix}.keypoints.json')
            metrics += zip(('AP_low', 'AP_high'), self.bootstrap.interval(aps))
        return metrics

    def _draw(self, predictions: str) -> np.ndarray:
        """AP of each draw."""
        sigmas = self.dataset_meta['sigmas']
        with redirect_stdout(io.StringIO()):  # the parent has said it
            found = self.coco.loadRes(predictions)
            evaluation = COCOeval(self.coco, found, self.iou_type, sigmas, self.use_area)
            evaluation.params.useSegm = None
            evaluation.evaluate()
        photos = MatchedPhotos(evaluation)
        return np.array([photos.ap(times) for times in self.bootstrap.times(len(photos))])


class MatchedPhotos:
    """What COCO's evaluation matched in each photo, from which AP of any draw of them follows.

    Args:
        evaluation: After its ``evaluate()``, of one category.
    """

    def __init__(self, evaluation: COCOeval) -> None:
        parameters = evaluation.params
        count = len(parameters.imgIds)
        start = parameters.areaRngLbl.index('all') * count
        photos = [one for one in evaluation.evalImgs[start : start + count] if one is not None]
        self.recalls = parameters.recThrs
        most = parameters.maxDets[-1]
        scores = [np.asarray(one['dtScores'][:most], float) for one in photos]
        order = np.argsort(-np.concatenate(scores), kind='stable')
        #: Photo of each prediction, and whether it is right or wrong (thresholds, predictions).
        self.photo = np.repeat(np.arange(len(photos)), [len(one) for one in scores])[order]
        matches = np.concatenate([one['dtMatches'][:, :most] for one in photos], axis=1)[:, order]
        ignored = np.concatenate([one['dtIgnore'][:, :most] for one in photos], axis=1)[:, order]
        self.right = (matches >= 0) & ~ignored.astype(bool)
        self.wrong = (matches < 0) & ~ignored.astype(bool)
        #: People of each photo that count.
        self.people = np.array([np.count_nonzero(np.equal(one['gtIgnore'], 0)) for one in photos])

    def __len__(self) -> int:
        return len(self.people)

    def ap(self, times: np.ndarray) -> float:
        """AP where each photo is there so many times: (photos,); 0 of nobody."""
        everyone = times @ self.people
        if not everyone or not len(self.photo):
            return 0.0
        drawn = times[self.photo]
        right = (self.right * drawn).cumsum(axis=1)
        wrong = (self.wrong * drawn).cumsum(axis=1)
        precision = right / np.maximum(right + wrong, 1)
        best = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
        best = np.pad(best, [(0, 0), (0, 1)])  # a recall that is not reached
        reached = [np.searchsorted(recall, self.recalls) for recall in right / everyone]
        return float(np.take_along_axis(best, np.array(reached), axis=1).mean())
