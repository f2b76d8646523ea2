"""The matrix of versions: which environments there are, how results are kept, and their page."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import matrix_page
import pytest
import update_matrix
from matrix_page import PAGE, RESULTS, Result, read_results, render
from update_matrix import Environment, choose, plugin_environments, runtime_environments

ROOT = Path(__file__).parents[2]
PYTHONS = {'3.9': Path('/python3.9'), '3.13': Path('/python3.13'), '3.14': Path('/python3.14')}
RESULT = Result(
    'runtime-3.10-oldest', 'runtime', '0123', ('tests/sdpose_runtime',), 'passed',
    {'python': '3.10.13', 'numpy': '1.21.6', 'opencv-python-headless': '4.6.0.66'},
    passed=437, skipped=2, seconds=30, date='2026-11-26',
)  # fmt: skip
EMPTY = """# Versions
<!-- matrix: runtime -->
<!-- /matrix -->
between
<!-- matrix: plugin -->
<!-- /matrix -->
after
"""


def test_the_runtime_is_tried_on_every_python():
    found = {one.name: one for one in runtime_environments(PYTHONS)}
    assert list(found) == [
        'runtime-3.9-oldest',
        'runtime-3.9-newest',
        'runtime-3.13-oldest',
        'runtime-3.13-newest',
        'runtime-3.14-newest',  # nobody has looked for its oldest
    ]
    assert found['runtime-3.13-oldest'].python == PYTHONS['3.13']
    assert found['runtime-3.9-newest'].installs == (('WHEEL[runtime]', 'pytest', 'onnx'),)


def test_the_lowest_versions_of_the_metadata_are_tried():
    declared = re.search(r'^runtime = (.*)$', (ROOT / 'pyproject.toml').read_text(), re.M)[1]
    lowest = dict(re.findall(r'"([\w-]+)>=([\d.]+)', declared))
    assert set(lowest) == {'numpy', 'opencv-python-headless', 'onnxruntime'}
    pins = dict(pin.split('==') for pin in update_matrix.OLDEST_OF_RUNTIME['3.9'])
    for name, version in lowest.items():
        assert f'{pins[name]}.'.startswith(f'{version}.')


def test_the_plugin_is_tried_on_both_mmengines_with_the_oldest_and_the_newest():
    found = {one.name: one for one in plugin_environments(Path('/python'))}
    assert set(found) == {
        f'plugin-{engine}-{age}' for engine in ('mmengine', 'fork') for age in ('oldest', 'newest')
    }
    needs, no_deps = found['plugin-mmengine-oldest'].installs
    assert {'mmengine==0.10.7', 'torch==2.13.0', 'scipy==1.9.3', 'numpy==1.24.2'} <= set(needs)
    assert not any('onedl' in need for need in needs)
    assert no_deps[:2] == ('--no-deps', 'WHEEL')
    assert any(need.startswith('mmpose==') for need in no_deps)
    needs, _ = found['plugin-fork-newest'].installs
    assert {'onedl-mmengine==0.10.12', 'scipy<1.16', 'numpy==1.26.4', 'onnx'} <= set(needs)
    assert sum('mmengine' in need for need in needs) == 1


def test_environments_are_chosen_by_name():
    known = list(runtime_environments(PYTHONS))
    assert choose(known, []) == known
    assert choose(known, ['runtime-3.9-*']) == known[:2]
    with pytest.raises(ValueError, match=r'no environment runtime-2\.7-\*: there are runtime-3\.9'):
        choose(known, ['runtime-3.9-*', 'runtime-2.7-*'])


def test_tables_are_written_between_their_marks():
    other = replace(RESULT, name='runtime-3.9-newest', outcome='failed', failed=1, passed=0)
    page = render(EMPTY, [RESULT, other])
    assert page == EMPTY.replace(
        'runtime -->\n',
        'runtime -->\n'
        '|  | Python | NumPy | OpenCV | ONNX Runtime | tests | on |\n'
        '| --- | --- | --- | --- | --- | --- | --- |\n'
        '| newest | 3.10.13 | 1.21.6 | 4.6.0.66 |  | 1 failed, 2 skipped | 2026-11-26 |\n'
        '| oldest | 3.10.13 | 1.21.6 | 4.6.0.66 |  | 437 passed, 2 skipped | 2026-11-26 |\n'
        '\nTests: `tests/sdpose_runtime`\n',
    )
    assert render(page, [RESULT, other]) == page


def test_tests_that_were_not_the_same_are_told_apart():
    some = replace(RESULT, name='runtime-3.11-newest', tests=('tests/a', 'tests/b'))
    page = render(EMPTY, [RESULT, some])
    assert '| 437 passed, 2 skipped (1) |' in page
    assert '| 437 passed, 2 skipped (2) |' in page
    assert '\n(1) `tests/sdpose_runtime`\n\n(2) `tests/a`, `tests/b`\n' in page


def test_the_page_has_both_tables():
    page = (ROOT / PAGE).read_text()
    for part in matrix_page.COLUMNS:
        assert re.search(f'<!-- matrix: {part} -->\n(.*\n)*?<!-- /matrix -->', page)


class TestTrying:
    """With a folder for results, a page of its own, and environments that are not really made."""

    @pytest.fixture
    def tried(self, tmp_path, monkeypatch) -> list[str]:
        names = []

        def attempt(environment: Environment, wheel: Path, folder: Path) -> Result:
            names.append(environment.name)
            (folder / 'venv').mkdir(parents=True)
            outcome = 'failed' if '3.13' in environment.name else 'passed'
            fields = dict(name=environment.name, digest=environment.digest(), outcome=outcome)
            return replace(RESULT, **fields)

        (tmp_path / 'docs').mkdir()
        (tmp_path / PAGE).write_text(EMPTY)
        monkeypatch.setattr(update_matrix, 'ROOT', tmp_path)
        monkeypatch.setattr(update_matrix, 'try_environment', attempt)
        monkeypatch.setattr(update_matrix, 'build_wheel', lambda folder: folder / 'a.whl')
        monkeypatch.setattr(update_matrix, 'plugin_environments', lambda python: [])
        monkeypatch.setattr(update_matrix, 'find_pythons', lambda: dict(list(PYTHONS.items())[:2]))
        monkeypatch.setattr(update_matrix, 'CODE', {'runtime': ('code.py',)})
        (tmp_path / 'code.py').write_text('one')
        return names

    def run(self, tmp_path: Path, *arguments: str) -> int:
        return update_matrix.main([*arguments, '--out', str(tmp_path / 'out')])

    def test_results_are_kept_and_environments_are_not(self, tried, tmp_path):
        assert self.run(tmp_path, 'runtime-3.9-*') == 0
        assert tried == ['runtime-3.9-oldest', 'runtime-3.9-newest']
        kept = read_results(tmp_path / RESULTS)
        assert sorted(kept) == sorted(tried)
        assert kept['runtime-3.9-oldest'].versions == RESULT.versions
        assert not (tmp_path / 'out/runtime-3.9-oldest/venv').exists()
        assert (tmp_path / PAGE).read_text().count('437 passed') == 2

    def test_what_has_a_result_of_the_same_code_is_not_tried_again(self, tried, tmp_path):
        assert self.run(tmp_path, '*oldest') == 1  # one fails
        assert self.run(tmp_path) == 1
        assert tried == [
            'runtime-3.9-oldest', 'runtime-3.13-oldest', 'runtime-3.9-newest', 'runtime-3.13-newest',
        ]  # fmt: skip
        assert self.run(tmp_path, '*3.9-oldest', '--again') == 0
        assert tried[4:] == ['runtime-3.9-oldest']

    def test_results_of_other_environments_stay(self, tried, tmp_path):
        self.run(tmp_path, '*3.9-oldest')
        self.run(tmp_path, '*3.9-newest', '--out', str(tmp_path / 'elsewhere'))
        assert list(read_results(tmp_path / RESULTS)) == [
            'runtime-3.9-oldest',
            'runtime-3.9-newest',
        ]

    def test_other_code_or_tests_are_tried_again(self, tried, tmp_path):
        self.run(tmp_path, '*3.9-oldest')
        (tmp_path / 'code.py').write_text('two')
        self.run(tmp_path, '*3.9-oldest')
        self.run(tmp_path, '*3.9-oldest', '--tests', 'tests/some')
        assert tried == ['runtime-3.9-oldest'] * 3


def test_the_tests_of_a_report_are_counted(tmp_path):
    report = tmp_path / 'tests.xml'
    assert update_matrix._counts(report) == (0, 0, 0)
    report.write_text(
        '<testsuites><testsuite errors="1" failures="2" skipped="3" tests="10"/></testsuites>'
    )
    assert update_matrix._counts(report) == (4, 3, 3)


def test_what_cannot_be_installed_is_a_result(tmp_path):
    """Whole: an environment is made, and a package that is nowhere is asked for."""
    environment = Environment(
        'runtime-here-oldest', 'runtime', Path(update_matrix.sys.executable),
        (('--no-index', 'no-such-package-anywhere'),), ('tests/sdpose_runtime',),
    )  # fmt: skip
    result = update_matrix.try_environment(environment, tmp_path / 'a.whl', tmp_path / 'folder')
    assert result.outcome == 'not installed'
    assert result.said() == 'cannot be installed: see its log.txt'
    assert 'no-such-package-anywhere' in (tmp_path / 'folder/log.txt').read_text()
