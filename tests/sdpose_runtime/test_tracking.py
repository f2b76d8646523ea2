"""People keep their number and their box without a detector, until they are lost."""

from __future__ import annotations

import numpy as np
import pytest

from sdpose_runtime.boxes import Boxes
from sdpose_runtime.people import People
from sdpose_runtime.tracking import BoxTracker, Smoother

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
