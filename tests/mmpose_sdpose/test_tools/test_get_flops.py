from mmpose_sdpose.tools.get_flops import main

import pytest


@pytest.mark.parametrize(
    ('text', 'message'),
    [
        ('model = dict(', 'is no config that can be read: SyntaxError'),
        ("model = dict(type='A', head=dict())", 'has no codec with an input_size'),
        ("model = dict(type='A')", 'has no codec with an input_size'),
        ('x = 1', 'has no codec with an input_size'),
        ('codec = dict(input_size=(96, 128))', 'has no model'),
    ],
)
def test_a_config_that_cannot_be_counted_is_one_line(text, message, tmp_path, capsys):
    path = tmp_path / 'own.py'
    path.write_text(text)
    assert main([str(path)]) == 1
    error = capsys.readouterr().err
    assert error.startswith('get_flops: ') and message in error and error.count('\n') == 1


def test_configs_of_mmpose_are_counted(capsys):
    name = 'mmpose::body_2d_keypoint/topdown_heatmap/coco/td-hm_res50_8xb64-210e_coco-256x192.py'
    assert main([name]) == 0
    row = next(line for line in capsys.readouterr().out.splitlines() if 'td-hm_res50_8xb64' in line)
    assert '256x192' in row and ' 34.000 ' in row
