from __future__ import annotations

import json

from mmpose_sdpose.visualization import draw_learning_curve, draw_pose_grid, read_scalars
from mmpose_sdpose.visualization.pose_grid import CELL, TRUE

import cv2
import numpy as np
import pytest

from sdpose_runtime.drawing import SIDES


def person(path, predicted) -> dict:
    return dict(
        img_path=str(path),
        center=np.array([50.0, 60.0]),
        scale=np.array([48.0, 64.0]),
        predicted=np.array([predicted, predicted], float),
        true=np.array([[40.0, 40.0], [40.0, 40.0]]),
        visible=np.array([2, 0]),
    )


def test_joints_lie_where_they_were_predicted(tmp_path):
    cv2.imwrite(str(tmp_path / 'a.png'), np.zeros((120, 100, 3), np.uint8))
    people = [person(tmp_path / 'a.png', [60.0, 70.0])] * 3
    draw_pose_grid(people, ['left_ear', 'left_eye'], [], tmp_path / 'grid.png', columns=2)
    grid = cv2.imread(str(tmp_path / 'grid.png'))
    header = grid.shape[0] - 2 * CELL[1]
    assert grid.shape[1] == 2 * CELL[0] and header > 0

    def pixel(x, y):  # crop corner (26, 28), zoom 4
        return tuple(grid[header + int((y - 28) * 4), int((x - 26) * 4)])

    assert pixel(60, 70) == SIDES['left']
    assert pixel(40, 40) == TRUE
    assert pixel(50, 50) == (0, 0, 0)


def test_a_picture_that_is_gone_is_named(tmp_path):
    with pytest.raises(OSError, match='gone.png'):
        draw_pose_grid([person(tmp_path / 'gone.png', [1, 1])], 'ab', [], tmp_path / 'grid.png')


def test_the_curve_is_drawn_from_all_runs_of_a_work_folder(tmp_path):
    for run, epoch in (('1', 1), ('2', 2)):
        folder = tmp_path / run / 'vis_data'
        folder.mkdir(parents=True)
        lines = [dict(loss=3.0 - epoch, epoch=epoch, iter=10 * epoch, step=10 * epoch)]
        lines.append({'coco/AP': 0.1 * epoch, 'step': epoch})
        (folder / 'scalars.json').write_text('\n'.join(map(json.dumps, lines)))
    scalars = read_scalars(tmp_path)
    assert [line['coco/AP'] for line in scalars if 'coco/AP' in line] == [0.1, 0.2]
    draw_learning_curve(scalars, tmp_path / 'curve.png', {'mean pose': 0.01})
    curve = cv2.imread(str(tmp_path / 'curve.png'))
    draw_learning_curve([], tmp_path / 'empty.png', {'mean pose': 0.01})
    loss, ap = np.split(curve != cv2.imread(str(tmp_path / 'empty.png')), 2, axis=1)
    assert loss.any() and ap.any()
