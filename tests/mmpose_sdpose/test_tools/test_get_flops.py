from mmpose_sdpose.tools.get_flops import main

import pytest


@pytest.mark.parametrize(
    ('text', 'message'),
    [
        ('model = dict(', 'is no config that can be read: SyntaxError'),
        ("model = dict(type='A', head=dict())", 'has no codec with an input_size'),
    ],
)
def test_a_config_that_cannot_be_counted_is_one_line(text, message, tmp_path, capsys):
    path = tmp_path / 'own.py'
    path.write_text(text)
    assert main([str(path)]) == 1
    error = capsys.readouterr().err
    assert error.startswith('get_flops: ') and message in error and error.count('\n') == 1
