from __future__ import annotations

from mmpose_sdpose.visualization import AttentionChoice, draw_attention
from mmpose_sdpose.visualization.attention import Heatmaps, Person
from mmpose_sdpose.visualization.attention_panels import PREDICTED, TRUE, Panels
from mmpose_sdpose.visualization.attention_picture import PANEL_HEIGHT, Panel, Row, arrange

import cv2
import numpy as np
import pytest
import torch

from ..people import coco, person
from ..small_models import build, token_heatmap_model

FAR = np.array([200.0, 200.0])  # out of the crop: no mark to be seen


@pytest.fixture
def panels() -> Panels:
    """Of a grey 24x32 person, four times as large; of two joints at (6, 8) the first is annotated."""
    crop = np.full((32, 24, 3), 100, np.uint8)
    return Panels(Person(crop, np.array([[6.0, 8.0]] * 2), np.array([True, False])), (96, 128))


def brightest(panel: np.ndarray) -> tuple[int, int]:
    """Row and column of a 4x3 panel's brightest patch."""
    grey = cv2.cvtColor(panel, cv2.COLOR_BGR2GRAY)
    patches = grey.reshape(4, 32, 3, 32).mean((1, 3))
    return tuple(int(index) for index in np.unravel_index(patches.argmax(), patches.shape))


def test_a_patch_that_is_looked_at_is_bright(panels):
    for row, column in ((0, 2), (3, 1)):
        weights = np.full((4, 3), 0.01)
        weights[row, column] = 0.5
        assert brightest(panels.attention(weights, 1, FAR)) == (row, column)


def test_looking_everywhere_alike_is_dim_all_over(panels):
    even = panels.attention(np.full((4, 3), 0.08), 1, FAR)
    one = np.zeros((4, 3))
    one[1, 1] = 0.9
    assert even.std(axis=(0, 1)).max() == 0
    assert 2 * even.mean() < panels.attention(one, 1, FAR)[48, 48].mean()


def test_a_heatmap_lies_where_its_cells_are(panels):
    values = np.zeros((1, 2, 8, 6), np.float32)
    values[0, 1, 5, 2] = 1
    heatmaps = Heatmaps('heatmap', values, (0.25, 0.25))
    panel = panels.heatmap(heatmaps, 0, 1).astype(int)
    peak = np.unravel_index(np.abs(panel - panels.dim).sum(-1).argmax(), panel.shape[:2])
    assert tuple(map(int, peak)) == (5 * 16, 2 * 16)  # stride 4, enlarged four times


def test_joints_are_marked_where_they_are(panels):
    marked = panels.prediction(np.array([[12.0, 20.0], FAR]), [], 0)
    assert tuple(marked[80, 48]) == PREDICTED
    assert marked[32, 24 + 10].min() > 200  # the ring's radius is 10, its line thin
    assert tuple(panels.image(0)[32, 24 + 10]) == TRUE
    np.testing.assert_array_equal(panels.image(1), panels.crop)


def sheet(people: int, keypoints: int, columns: int) -> np.ndarray:
    blocks = [[Panel('layer', np.zeros((40, 30, 3), np.uint8))] * columns]
    return arrange([[Row('nose', blocks)] * keypoints] * people, [''], 'caption', 'explanation')


def test_panels_are_whole_and_apart():
    black = (sheet(people=2, keypoints=3, columns=5).sum(-1) == 0).astype(np.uint8)
    areas = cv2.connectedComponentsWithStats(black)[2][1:, cv2.CC_STAT_AREA]
    assert (areas == 40 * 30).sum() == 2 * 3 * 5


@pytest.mark.parametrize('columns', [4, 7, 11])
def test_texts_are_taken_as_they_are_and_no_pixel_is_lost(columns):
    blocks = [[Panel('layer', np.zeros((29, 29, 3), np.uint8))] * columns]
    picture = arrange([[Row('nose', blocks)]], [''], 'a$b_1$c \\frac', 'explanation')
    assert (picture[-16 - 29 : -16].sum((1, 2)) < picture[-1].sum()).all()
    assert (picture[-16:] == 255).all()


def test_a_picture_too_large_to_look_at_is_refused():
    with pytest.raises(ValueError, match='400 panels .* fewer layers, heads or cycles'):
        sheet(1, 1, 400)
    with pytest.raises(ValueError, match='400 rows .* fewer keypoints or people'):
        sheet(100, 4, 1)


def test_the_whole_picture_shows_the_crop_and_says_something():
    model = build(token_heatmap_model(num_cycles=2))
    choice = AttentionChoice(keypoints=['nose', 'left_hip'], layers=[1, 4], cycles=[1, 2])
    packed = person()
    picture = draw_attention(model, [packed], coco(), choice, 'a caption')
    crop = packed['inputs'].numpy()[::-1].transpose(1, 2, 0)
    crop = cv2.resize(crop, (126, PANEL_HEIGHT), interpolation=cv2.INTER_CUBIC).astype(np.float32)
    found = cv2.matchTemplate(picture.astype(np.float32), crop, cv2.TM_CCOEFF_NORMED)
    assert (found > 0.95).sum() >= 2  # a person for each of two keypoints
    again = draw_attention(model, [packed], coco(), choice, 'another one')
    assert picture.dtype == np.uint8 and (picture != again).any()
    assert (picture[80:] == again[80:]).all()


def test_drawing_changes_neither_model_nor_random_numbers():
    model = build(token_heatmap_model()).train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    torch.manual_seed(3)
    draw_attention(model, [person()], coco(), AttentionChoice(), '')
    found = torch.rand(3)
    torch.manual_seed(3)
    torch.testing.assert_close(found, torch.rand(3), rtol=0, atol=0)
    torch.testing.assert_close(dict(model.state_dict()), before, rtol=0, atol=0)
