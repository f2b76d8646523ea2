"""Which parts work where MMEngine is not installed, and what the others say."""

from __future__ import annotations

import sys

import pytest

from mmpose_sdpose.runtime_only import MMPosePartsGuard, is_installed, works_alone


def test_installed_or_not(monkeypatch):
    assert is_installed('mmengine')
    assert not is_installed('no_such_package')
    monkeypatch.setitem(sys.modules, 'blocked', None)
    assert not is_installed('blocked')


@pytest.mark.parametrize(
    ('name', 'alone'),
    [
        ('runtime', True),
        ('runtime.pose_model', True),
        ('version', True),
        ('tools', True),
        ('tools.check', True),
        ('tools.train', False),
        ('utils.files', True),
        ('utils.checkpoint', False),
        ('models', False),
        ('models.heads', False),
    ],
)
def test_parts(name, alone):
    assert works_alone(f'package.{name}') is alone
    guard = MMPosePartsGuard('package', 'Install it.')
    if alone:
        assert guard.find_spec(f'package.{name}') is None
    else:
        with pytest.raises(
            ImportError, match=r'needs MMEngine .* only package.runtime.*Install it'
        ):
            guard.find_spec(f'package.{name}')


def test_other_packages_are_left_alone():
    guard = MMPosePartsGuard('package', '')
    for name in ('package', 'packages.models', 'numpy'):
        assert guard.find_spec(name) is None
