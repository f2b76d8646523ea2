"""Where real-looking inputs come from."""

from __future__ import annotations

import json

from mmpose_sdpose.configs import build_model, read_config
from mmpose_sdpose.export.export import read_model
from mmpose_sdpose.export.graph import ExportNotPossible
from mmpose_sdpose.export.inputs import InputMaker
from mmpose_sdpose.export.verify import raw_outputs

import cv2
import numpy as np
import pytest
import torch

from sdpose_synth import Settings, write_dataset

CONFIG = 'td-hm_sdpose-n_2xb16-16e_synthpose-128x96'


@pytest.fixture(scope='module')
def maker() -> InputMaker:
    return InputMaker(read_config(CONFIG), build_model(CONFIG))


def crop(number: int) -> np.ndarray:
    """Of the input's size, so that nothing is resampled."""
    return np.random.default_rng(number).integers(0, 256, (128, 96, 3), dtype=np.uint8)


def normalised(image: np.ndarray) -> torch.Tensor:
    rgb = torch.from_numpy(image[..., ::-1].copy()).float().permute(2, 0, 1)
    mean, std = ([123.675, 116.28, 103.53], [58.395, 57.12, 57.375])
    return (rgb - torch.tensor(mean)[:, None, None]) / torch.tensor(std)[:, None, None]


def test_crops_of_a_folder_fill_the_input(maker, tmp_path):
    for number in range(9):
        cv2.imwrite(str(tmp_path / f'{number}.png'), crop(number))
    found = maker.read(str(tmp_path), count=64, least=8)
    expected = torch.stack([normalised(crop(number)) for number in range(9)])
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-5)


def test_at_most_so_many_evenly_spaced(maker, tmp_path):
    for number in range(15):
        cv2.imwrite(str(tmp_path / f'{number:02}.png'), crop(number))
    found = maker.read(str(tmp_path), count=8)
    expected = torch.stack([normalised(crop(number)) for number in range(0, 15, 2)])
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-5)


def test_boxes_come_from_the_coco_file_of_the_folder(maker, tmp_path):
    """A box that fills the input once padded shows what the crop inside the picture shows."""
    picture = np.zeros((300, 300, 3), np.uint8)
    picture[40:168, 100:196] = crop(0)
    cv2.imwrite(str(tmp_path / 'picture.png'), picture)
    box = [100 + 9.6, 40 + 12.8, 96 / 1.25, 128 / 1.25]
    annotations = [dict(id=number, image_id=1, bbox=box) for number in range(8)]
    annotations.append(dict(id=9, image_id=1, bbox=box, iscrowd=1))
    content = dict(images=[dict(id=1, file_name='picture.png')], annotations=annotations)
    (tmp_path / 'boxes.json').write_text(json.dumps(content))
    found = maker.read(str(tmp_path), count=64, least=8)
    expected = normalised(crop(0)).expand(8, -1, -1, -1)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-5)


def test_too_few_images_are_counted(maker, tmp_path):
    for number in range(3):
        cv2.imwrite(str(tmp_path / f'{number}.png'), crop(number))
    with pytest.raises(ExportNotPossible, match='has 3 images, and at least 8 are needed'):
        maker.read(str(tmp_path), count=64, least=8)


def test_several_annotation_files_are_named(maker, tmp_path):
    for name in ('a.json', 'b.json'):
        (tmp_path / name).write_text('{}')
    with pytest.raises(ExportNotPossible, match=r'several JSON files \(a.json, b.json\)'):
        maker.read(str(tmp_path), count=64, least=8)


def test_a_config_gives_its_training_people(maker, monkeypatch, tmp_path):
    folder = tmp_path / 'synthpose'
    write_dataset(folder, Settings(train=8, val=6))
    config = read_config(CONFIG)
    config.train_dataloader.dataset.data_root = f'{folder}/'
    monkeypatch.setattr('mmpose_sdpose.export.inputs.read_config', lambda name: config)
    found = maker.read('ours', count=8)
    assert found.shape == (8, 3, 128, 96)
    assert len(torch.unique(found.flatten(1), dim=0)) == 8


def test_made_up_people_are_pictures_that_a_trained_model_finds_people_in(maker):
    found = maker.make_up(4)
    assert found.shape == (4, 3, 128, 96)
    torch.testing.assert_close(found, maker.make_up(4), rtol=0, atol=0)
    assert len(torch.unique(found.flatten(1), dim=0)) == 4
    model = read_model(CONFIG, 'mmpose_sdpose://sdpose-n_synthpose-128x96.pth')
    (heatmaps,) = raw_outputs(model, found)
    (noise,) = raw_outputs(model, torch.randn(4, 3, 128, 96))
    assert heatmaps.amax((2, 3)).median() > 0.5 > noise.amax((2, 3)).median()
