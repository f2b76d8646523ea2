"""People keep their number and their box without a detector, until they are lost; and are smoothed.

The one-euro filter is steady at rest, without lag in motion, and equal to the paper's own few lines.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from sdpose_runtime import Boxes, People
from sdpose_runtime.boxes import box_overlaps
from sdpose_runtime.tracking import (
    COMES_IN,
    REMEMBERED,
    SAME_PERSON,
    BoxTracker,
    OneEuroFilter,
    Smoother,
)

SHAPE = np.float32([[0.5, 0.1], [0.2, 0.4], [0.8, 0.4], [0.3, 0.9], [0.7, 0.9]])


class Scene:
    """People as boxes; a pose model that sees a person where a box covers one."""

    def __init__(self, *corners: tuple[float, float]) -> None:
        self.corners = np.float32(corners)
        self.detections = 0

    @property
    def boxes(self) -> np.ndarray:
        return np.concatenate([self.corners, self.corners + [40, 100]], axis=1).astype(np.float32)

    def detect(self) -> Boxes:
        self.detections += 1
        return Boxes(self.boxes, np.full(len(self.corners), 0.9, np.float32))

    def look(self, tracker: BoxTracker) -> People:
        boxes, ids = tracker.locate(self.detect)
        keypoints, scores = [], []
        for box in boxes.corners:
            middle = (box[:2] + box[2:]) / 2
            offsets = np.abs(self.corners + [20, 50] - middle)
            near = offsets.max(axis=1).argmin() if len(offsets) else None
            seen = near is not None and offsets[near].max() < 30
            corner = self.corners[near] if seen else box[:2]
            keypoints.append(corner + SHAPE * [40, 100])
            scores.append(np.full(5, 0.8 if seen else 0.1))
        people = People(
            boxes.corners,
            boxes.scores,
            np.array(keypoints, np.float32).reshape(-1, 5, 2),
            np.array(scores, np.float32).reshape(-1, 5),
            np.full(len(ids), 5000.0),
            ids,
        )
        tracker.update(people, (320, 240))
        return people


def test_walkers_are_followed_between_detections():
    scene, tracker = Scene((10, 50), (200, 60)), BoxTracker(detect_every=10)
    for step in range(25):
        people = scene.look(tracker)
        assert people.ids.tolist() == [1, 2]
        expected = scene.corners[:, None] + SHAPE * [40, 100]
        np.testing.assert_allclose(people.keypoints, expected, atol=1e-3)
        scene.corners += [[4, 0], [-4, 1]] if step < 15 else [[0, 0], [0, 0]]
    assert scene.detections == 3


def test_boxes_hold_the_joints_and_stay_in_the_image():
    scene, tracker = Scene((10, 50), (-10, 50)), BoxTracker()
    scene.look(tracker)
    box = tracker.boxes.corners[0]
    joints = scene.corners[0] + SHAPE * [40, 100]
    assert (box[:2] <= joints.min(axis=0)).all()
    assert (box[2:] >= joints.max(axis=0)).all()
    np.testing.assert_allclose(box, scene.boxes[0], atol=8)
    assert tracker.boxes.corners[1, 0] == 0


def test_who_is_lost_is_dropped_and_looked_for_at_once():
    scene, tracker = Scene((10, 50), (200, 60)), BoxTracker(detect_every=100)
    scene.look(tracker)
    scene.corners = np.float32([[10, 50], [100, 60]])  # the second one jumped
    scene.look(tracker)
    assert tracker.ids.tolist() == [1]
    people = scene.look(tracker)
    assert scene.detections == 2
    assert people.ids.tolist() == [1, 3]


def test_mistakes_of_the_detector_do_not_bring_it_back_at_once():
    scene, tracker = Scene((10, 50)), BoxTracker(detect_every=5)
    detect = scene.detect

    def mistaken() -> Boxes:
        found = detect()
        corners = np.concatenate([found.corners, np.float32([[250, 50, 290, 150]])])
        return Boxes(corners, np.float32([0.9, 0.8]))

    scene.detect = mistaken
    counts = [len(scene.look(tracker)) for _ in range(10)]
    assert counts == [2, 1, 1, 1, 1] * 2
    assert scene.detections == 2


def test_newcomers_come_with_the_next_detection():
    scene, tracker = Scene((10, 50)), BoxTracker(detect_every=3)
    counts = []
    for step in range(7):
        if step == 1:
            scene.corners = np.float32([[200, 50], [10, 50]])
        counts.append(scene.look(tracker).ids.tolist())
    assert counts == [[1]] * 3 + [[2, 1]] * 4


def test_an_empty_scene_is_looked_at_now_and_then():
    scene, tracker = Scene(), BoxTracker(detect_every=5)
    scene.corners = np.zeros((0, 2), np.float32)
    for _ in range(11):
        assert len(scene.look(tracker)) == 0
    assert scene.detections == 3


def test_without_a_period_detection_waits_for_a_loss():
    scene, tracker = Scene((10, 50)), BoxTracker(detect_every=None)
    for _ in range(20):
        scene.look(tracker)
    assert scene.detections == 1
    scene.corners += 90
    scene.look(tracker)
    assert scene.look(tracker).ids.tolist() == [2]
    assert scene.detections == 2


def test_detection_every_frame_keeps_numbers():
    scene, tracker = Scene((10, 50), (60, 50)), BoxTracker(detect_every=1)
    scene.look(tracker)
    scene.corners = scene.corners[::-1] + 3
    assert scene.look(tracker).ids.tolist() == [2, 1]


def test_whom_detection_misses_is_followed_by_keypoints_for_a_while():
    scene, tracker = Scene((10, 50), (200, 60)), BoxTracker(detect_every=1)
    scene.look(tracker)
    both, scene.detect = scene.detect, lambda: both().select(np.array([0]))
    for _ in range(REMEMBERED):
        scene.corners += [1, 0]
        assert scene.look(tracker).ids.tolist() == [1, 2]
    assert scene.look(tracker).ids.tolist() == [1]


def test_who_leaves_the_picture_is_not_followed_by_keypoints():
    """What they are found on then is the background."""
    scene, tracker = Scene((10, 50), (290, 60)), BoxTracker(detect_every=1)
    scene.look(tracker)
    both, scene.detect = scene.detect, lambda: both().select(np.array([0]))
    assert scene.look(tracker).ids.tolist() == [1]
    scene.detect = both
    assert scene.look(tracker).ids.tolist() == [1, 2]


@pytest.mark.parametrize(('frames', 'expected'), [(5, 1), (REMEMBERED + 5, 2)])
def test_who_was_lost_is_known_again_for_a_while(frames, expected):
    """Nobody sees the person for some frames, neither detector nor model."""
    scene, tracker = Scene((10, 50)), BoxTracker(detect_every=1)
    scene.look(tracker)
    corners, scene.corners = scene.corners, np.zeros((0, 2), np.float32)
    for _ in range(frames):
        scene.look(tracker)
    scene.corners = corners + 5
    assert scene.look(tracker).ids.tolist() == [expected]


def pose(tracker: BoxTracker, shift: float, seen: list[bool], detect=None) -> People:
    """The next frame: a person of 100x200 pixels at (100 + shift, 50), some of whose joints are seen."""
    boxes, ids = tracker.locate(detect)
    points = np.float32(SHAPE * [100, 200] + [100 + shift, 50])[None]
    scores = np.where(seen, 0.9, 0.1)[None]
    people = People(boxes.corners, boxes.scores, points, scores, np.full(1, 2e4), ids)
    tracker.update(people, (640, 480))
    return people


def test_the_box_of_a_person_seen_in_part_does_not_close_around_that_part():
    """It goes with the joints that are seen, and comes in slowly."""
    box = np.float32([[100, 50, 200, 250]])
    tracker = BoxTracker(detect_every=100)
    pose(tracker, 0, [True] * 5, lambda: Boxes(box, np.ones(1, np.float32)))
    whole = tracker.boxes.corners[0]
    above = [True, True, True, False, False]
    for step in range(1, 6):
        before = tracker.boxes.corners[0]
        pose(tracker, 8 * step, above)
        after = tracker.boxes.corners[0]
        assert -1e-3 <= after[0] - (before[0] + 8) < COMES_IN * 200
        assert after[3] == pytest.approx(before[3] - COMES_IN * (before[3] - before[1]), abs=1e-3)
    assert after[3] > 0.8 * whole[3]
    assert after[0] > whole[0] + 20
    pose(tracker, 40, [True] * 5)
    np.testing.assert_allclose(tracker.boxes.corners[0], whole + [40, 0, 40, 0], atol=1e-3)


def test_a_person_followed_by_a_part_is_known_when_the_whole_is_detected():
    tracker = BoxTracker(detect_every=1)
    part, whole = np.float32([[110, 50, 190, 110]]), np.float32([[100, 45, 200, 250]])
    assert box_overlaps(part, whole) < SAME_PERSON
    for expected in (part, whole):
        boxes, ids = tracker.locate(lambda box=expected: Boxes(box, np.ones(1, np.float32)))
        assert ids.tolist() == [1]
        np.testing.assert_array_equal(boxes.corners, expected)


def test_wrong_period():
    with pytest.raises(ValueError, match=r'detect_every \(0\) must be 1 or more'):
        BoxTracker(detect_every=0)


def test_each_person_is_smoothed_apart():
    scene, tracker, smoother = Scene((10, 50), (200, 60)), BoxTracker(1), Smoother()
    first = smoother(scene.look(tracker), 0.0)
    scene.corners[0] += 5
    people = scene.look(tracker)
    second = smoother(people, 1 / 30)
    np.testing.assert_allclose(second[1], first[1])
    assert (second[0] > first[0]).all()
    assert (second[0] < people.keypoints[0]).all()
    alone = people.select(np.array([1]))
    smoother(alone, 2 / 30)
    again = smoother(people, 3 / 30)  # the first one was gone: begins where it is
    np.testing.assert_allclose(again[0], people.keypoints[0])


def test_a_keypoint_that_is_not_found_begins_anew():
    """Where it is taken to be meanwhile has no part in where it is afterwards."""
    scene, tracker = Scene((10, 50)), BoxTracker(1)
    people = scene.look(tracker)
    scores = people.scores.copy()
    scores[0, 2] = 0.1
    away = people.keypoints.copy()
    away[0, 2] += 100
    back = people.keypoints + np.float32(3)
    smoother = Smoother(threshold=0.3)
    smoother(people, 0.0)
    unseen = smoother(replace(people, keypoints=away, scores=scores), 1 / 30)
    np.testing.assert_allclose(unseen, away)  # the others rest
    found = smoother(replace(people, keypoints=back), 2 / 30)
    np.testing.assert_allclose(found[0, 2], back[0, 2])
    others = [0, 1, 3, 4]
    assert (found[0, others] < back[0, others] - 0.5).all()
    assert (found[0, others] > people.keypoints[0, others]).all()


def reference(values: list[float], rate: float, min_cutoff: float, beta: float) -> list[float]:
    """The algorithm of the paper's page, one number at a time."""

    def alpha(cutoff: float) -> float:
        return 1 / (1 + rate / (2 * math.pi * cutoff))

    smoothed, speed = [values[0]], 0.0
    for value in values[1:]:
        raw = (value - smoothed[-1]) * rate
        speed = alpha(1.0) * raw + (1 - alpha(1.0)) * speed
        weight = alpha(min_cutoff + beta * abs(speed))
        smoothed.append(weight * value + (1 - weight) * smoothed[-1])
    return smoothed


def test_the_filter_equals_the_paper():
    values = np.random.default_rng(0).normal(size=40).cumsum()
    smooth = OneEuroFilter(min_cutoff=0.5, beta=3.0)
    out = [float(smooth(np.array([v]), i / 25, size=1.0)[0]) for i, v in enumerate(values)]
    np.testing.assert_allclose(out, reference(values.tolist(), 25, 0.5, 3.0), rtol=1e-9)


def test_jitter_at_rest_becomes_small_and_motion_is_followed():
    numbers = np.random.default_rng(0)
    seconds = np.arange(120) / 30
    still = 100 + numbers.normal(0, 2, 120)
    smooth = OneEuroFilter()
    rest = [smooth(np.array([v]), t, size=200)[0] for v, t in zip(still, seconds)]
    assert np.std(rest[30:]) < 0.5 * np.std(still[30:])
    moving = 300 * seconds
    smooth = OneEuroFilter()
    walk = [smooth(np.array([v]), t, size=200)[0] for v, t in zip(moving, seconds)]
    assert np.abs(np.array(walk[30:]) - moving[30:]).max() < 10  # one frame's way is 10


def test_size_is_the_unit_of_speed():
    values = np.random.default_rng(0).normal(size=(20, 3)).cumsum(axis=0)
    small, large = OneEuroFilter(), OneEuroFilter()
    for i, value in enumerate(values):
        near = large(10 * value, i / 30, size=1000)
        np.testing.assert_allclose(near, 10 * small(value, i / 30, size=100))


def test_time_that_goes_back_starts_anew():
    smooth = OneEuroFilter()
    smooth(np.zeros(2), 1.0, 1.0)
    np.testing.assert_array_equal(smooth(np.ones(2), 0.5, 1.0), np.ones(2))


@pytest.mark.parametrize('option', ['min_cutoff', 'speed_cutoff', 'beta'])
@pytest.mark.parametrize('bad', [-1, math.nan, math.inf, -math.inf])
def test_wrong_options(option, bad):
    with pytest.raises(ValueError, match='must be positive and beta'):
        OneEuroFilter(**{option: bad})
    if option != 'beta':
        with pytest.raises(ValueError, match='must be positive and beta'):
            OneEuroFilter(**{option: 0})


@pytest.mark.filterwarnings('error')
@pytest.mark.parametrize('bad', [math.nan, math.inf])
def test_a_coordinate_that_is_no_number_stays_where_it_was(bad):
    values = np.random.default_rng(0).normal(size=(20, 3)).cumsum(axis=0)
    clean, broken = OneEuroFilter(), OneEuroFilter()
    for i, value in enumerate(values):
        expected = clean(value, i / 30, 50)
        poisoned = value.copy()
        if i in (0, 7):  # at the very first, and later
            poisoned[1] = bad
        found = broken(poisoned, i / 30, 50)
        np.testing.assert_array_equal(found[[0, 2]], expected[[0, 2]])
        assert np.isfinite(found[1]) == (i > 0)
    assert abs(found[1] - expected[1]) < 1


@pytest.mark.filterwarnings('error')
@pytest.mark.parametrize('seconds', [math.nan, math.inf])
def test_a_time_that_is_no_number_starts_anew(seconds):
    smooth = OneEuroFilter()
    smooth(np.zeros(2), 1.0, 1.0)
    np.testing.assert_array_equal(smooth(np.ones(2), seconds, 1.0), np.ones(2))
    np.testing.assert_array_equal(smooth(np.zeros(2), 2.0, 1.0), np.zeros(2))
    assert np.isfinite(smooth(np.ones(2), 3.0, 1.0)).all()


@pytest.mark.parametrize('size', [0.0, math.nan, math.inf])
def test_a_size_that_is_none_does_no_harm(size):
    smooth = OneEuroFilter()
    smooth(np.zeros(2), 1.0, 1.0)
    assert np.isfinite(smooth(np.ones(2), 2.0, size)).all()
