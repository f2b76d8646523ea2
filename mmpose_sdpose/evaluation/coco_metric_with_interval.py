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
        TypeError, ValueError: If ``bootstrap``, ``level`` or ``seed`` is none, as of
            :class:`PhotoBootstrap`.

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
        evaluation: After its ``evaluate()``.
    """

    def __init__(self, evaluation: COCOeval) -> None:
        parameters = evaluation.params
        count, areas = len(parameters.imgIds), len(parameters.areaRngLbl)
        # By category, then area, then photo.
        matched = np.array(evaluation.evalImgs, object).reshape(-1, areas, count)
        matched = matched[:, parameters.areaRngLbl.index('all')]
        there = matched != None  # noqa: E711  of each element
        matched = matched[there.any(axis=1)][:, there.any(axis=0)]
        self.count = matched.shape[1]
        self.categories = [
            _MatchedCategory(photos, parameters.recThrs, parameters.maxDets[-1])
            for photos in matched
        ]

    def __len__(self) -> int:
        return self.count

    def ap(self, times: np.ndarray) -> float:
        """AP where each photo is there so many times: (photos,); 0 of nobody.

        As COCO has it, the mean over the categories of which anybody is there.
        """
        there = [one.ap(times) for one in self.categories if (times @ one.people) > 0]
        return float(np.mean(there)) if there else 0.0


class _MatchedCategory:
    """One category of it.

    Args:
        matched: Of each photo, None where it has nobody and nothing was predicted.
        recalls: At which precision is read.
        most: Predictions of a photo that count.
    """

    def __init__(self, matched: np.ndarray, recalls: np.ndarray, most: int) -> None:
        self.recalls = recalls
        places = [index for index, one in enumerate(matched) if one is not None]
        photos = [matched[index] for index in places]
        scores = [np.asarray(one['dtScores'][:most], float) for one in photos]
        order = np.argsort(-np.concatenate(scores), kind='stable')
        #: Photo of each prediction, and whether it is right or wrong (thresholds, predictions).
        self.photo = np.repeat(places, [len(one) for one in scores])[order]
        matches = np.concatenate([one['dtMatches'][:, :most] for one in photos], axis=1)[:, order]
        ignored = np.concatenate([one['dtIgnore'][:, :most] for one in photos], axis=1)[:, order]
        self.right = (matches >= 0) & ~ignored.astype(bool)
        self.wrong = (matches < 0) & ~ignored.astype(bool)
        #: People of each photo that count.
        self.people = np.zeros(len(matched), int)
        self.people[places] = [np.count_nonzero(np.equal(one['gtIgnore'], 0)) for one in photos]

    def ap(self, times: np.ndarray) -> float:
        """AP where each photo is there so many times: (photos,), somebody among them."""
        if not len(self.photo):
            return 0.0
        everyone = times @ self.people
        drawn = times[self.photo]
        right = (self.right * drawn).cumsum(axis=1)
        wrong = (self.wrong * drawn).cumsum(axis=1)
        precision = right / np.maximum(right + wrong, 1)
        best = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
        best = np.pad(best, [(0, 0), (0, 1)])  # a recall that is not reached
        reached = [np.searchsorted(recall, self.recalls) for recall in right / everyone]
        return float(np.take_along_axis(best, np.array(reached), axis=1).mean())
