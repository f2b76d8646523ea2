"""The measure of trembling, on paths whose second difference is known."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from sdpose_runtime.jitter import main


def write(path: Path, xs: list[float], scores: float | list[float] = 0.9, **changes) -> Path:
    """One person whose keypoints 0 and 1 are at (x, 0); keypoint 1 rests."""
    scores = np.broadcast_to(scores, len(xs)).tolist()
    entries = [
        dict(frame=frame, track_id=3, keypoints=[x, 0, score, 7, 7, 0.9], **changes)
        for frame, (x, score) in enumerate(zip(xs, scores))
    ]
    path.write_text(json.dumps(entries))
    return path


def measured(capsys, *arguments: object) -> list[str]:
    assert main([str(argument) for argument in arguments]) == 0
    return capsys.readouterr().out.splitlines()


@pytest.mark.parametrize(
    ('xs', 'expected'),
    [
        ([5, 5, 5, 5], '0.00'),
        ([0, 3, 6, 9], '0.00'),
        ([0, 3, 0, 3], '6.00'),
        ([0, 1, 4, 9], '2.00'),
    ],
)
def test_rest_and_even_motion_are_no_jitter(tmp_path, capsys, xs, expected):
    (line,) = measured(capsys, write(tmp_path / 'a.json', xs), '--keypoints', 0)
    assert f'jitter {expected} pixels, median {expected} (2 second differences); 0.00 ' in line


def test_all_keypoints_count_alike(tmp_path, capsys):
    (line,) = measured(capsys, write(tmp_path / 'a.json', [0, 3, 0, 3]), '--keypoints', 0, 1)
    assert 'jitter 3.00 pixels, median 3.00 (4 second differences)' in line


def test_what_the_model_does_not_see_does_not_count(tmp_path, capsys):
    path = write(tmp_path / 'a.json', [0, 0, 0, 90, 0, 0, 0], [0.9, 0.9, 0.9, 0.1, 0.9, 0.9, 0.9])
    (line,) = measured(capsys, path, '--keypoints', 0)
    assert 'jitter 0.00 pixels, median 0.00 (2 second differences)' in line
    (line,) = measured(capsys, path, '--keypoints', 0, '--threshold', 0)
    assert 'jitter 72.00 pixels, median 90.00 (5 second differences)' in line


def test_another_file_is_compared_with_the_first(tmp_path, capsys):
    first = write(tmp_path / 'a.json', [0, 3, 0, 3])
    lines = measured(capsys, first, write(tmp_path / 'b.json', [1, 1, 1, 1]), '--keypoints', 0)
    assert 'jitter 6.00' in lines[0]
    assert 'jitter 0.00' in lines[1]
    assert lines[1].endswith('1.50 pixels from the first file')


@pytest.mark.parametrize(
    ('content', 'message'),
    [
        ('{', 'is no keypoints.json of a video with --track: JSONDecodeError'),
        (
            '[{"frame": 0, "track_id": 1, "keypoints": ["1", "2", "0.9"]}]',
            'is no keypoints.json of a video with --track: UFuncTypeError',
        ),
        ('[{"frame": 1, "keypoints": []}]', "with --track: KeyError 'track_id'"),
        ('[]', 'nobody is in'),
        ('[{"frame": 1, "track_id": 1, "keypoints": [1, 2, 0.9]}]', 'no keypoint [0] reaches 0.3'),
    ],
)
def test_what_cannot_be_measured_is_said(tmp_path, capsys, content, message):
    (tmp_path / 'a.json').write_text(content)
    assert main([str(tmp_path / 'a.json'), '--keypoints', '0']) == 2
    assert message in capsys.readouterr().err


def test_a_keypoint_that_is_not_there(tmp_path, capsys):
    assert main([str(write(tmp_path / 'a.json', [0, 1, 2]))]) == 2
    assert capsys.readouterr().err == 'jitter: keypoints [9, 10, 15, 16] of 2\n'
    assert main([str(tmp_path / 'none.json')]) == 2
