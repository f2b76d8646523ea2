"""The tables of docs/matrix.md, from the results of ``make matrix``."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from sdpose_runtime.files import whole_file

PAGE = 'docs/matrix.md'
RESULTS = 'docs/matrix.json'
#: Heading of a column -> names of the package, of which one is installed.
_OF_BOTH: dict[str, tuple[str, ...]] = {
    'NumPy': ('numpy',),
    'OpenCV': ('opencv-python-headless', 'opencv-python'),
    'ONNX Runtime': ('onnxruntime',),
}
COLUMNS = {
    'runtime': _OF_BOTH,
    'plugin': {
        'MMEngine': ('mmengine', 'onedl-mmengine'),
        'PyTorch': ('torch',),
        **_OF_BOTH,
        'SciPy': ('scipy',),
        'Matplotlib': ('matplotlib',),
        'pandas': ('pandas',),
        'onnx': ('onnx',),
    },
}
SHOWN = [name for columns in COLUMNS.values() for names in columns.values() for name in names]


@dataclass(frozen=True)
class Result:
    """What came of an environment.

    Args:
        name: Of the environment; its last part says how old what is in it is.
        part: ``runtime`` or ``plugin``.
        digest: Of all that the result hangs on.
        tests: Paths of the tests.
        outcome: ``passed``, ``failed`` or ``not installed``.
        versions: Of what is installed, by the package's name.
        passed, failed, skipped: Tests.
        seconds: What it took, with the installation.
        date: The day.
    """

    name: str
    part: str
    digest: str
    tests: Sequence[str] = ()
    outcome: str = 'not installed'
    versions: Mapping[str, str] = field(default_factory=dict)
    passed: int = 0
    failed: int = 0
    skipped: int = 0
    seconds: int = 0
    date: str = ''

    @property
    def age(self) -> str:
        return self.name.rpartition('-')[2]

    def said(self) -> str:
        """In a few words."""
        if self.outcome == 'not installed':
            return 'cannot be installed: see its log.txt'
        counts = {'failed': self.failed, 'passed': self.passed, 'skipped': self.skipped}
        words = ', '.join(f'{count} {name}' for name, count in counts.items() if count)
        return words or 'no test could be run: see its log.txt'


def read_results(path: Path) -> dict[str, Result]:
    """Results by the name of their environment."""
    entries = json.loads(path.read_text(encoding='utf-8')) if path.is_file() else []
    return {entry['name']: Result(**entry) for entry in entries}


def write_results(root: Path, results: Mapping[str, Result]) -> None:
    """Keep them, and write the tables of the page anew."""
    ordered = sorted(results.values(), key=_order)
    page = render((root / PAGE).read_text(encoding='utf-8'), ordered)
    with whole_file(root / RESULTS) as file:
        file.write((json.dumps([asdict(one) for one in ordered], indent=1) + '\n').encode())
    with whole_file(root / PAGE) as file:
        file.write(page.encode())


def render(page: str, results: Sequence[Result]) -> str:
    """The page with its tables written anew; a part without results keeps its table."""
    ordered = sorted(results, key=_order)
    for part, columns in COLUMNS.items():
        of_part = [result for result in ordered if result.part == part]
        if of_part:
            begin, end = f'<!-- matrix: {part} -->', '<!-- /matrix -->'
            before, _, rest = page.partition(f'{begin}\n')
            _, _, after = rest.partition(end)
            page = f'{before}{begin}\n{_table(of_part, columns)}\n{end}{after}'
    return page


def _order(result: Result) -> tuple[list[int], str, bool]:
    """By Python, then by name, the oldest first."""
    version = re.findall(r'\d+', result.name)
    return [int(part) for part in version], result.name.rpartition('-')[0], result.age == 'newest'


def _table(results: Sequence[Result], columns: Mapping[str, Sequence[str]]) -> str:
    """A row each, and which tests were run: said by numbers where they were not the same."""
    head = ['', 'Python', *columns, 'tests', 'on']
    rows = [head, ['---'] * len(head)]
    sets = list(dict.fromkeys(tuple(result.tests) for result in results))
    for result in results:
        versions = [_version(result, names) for names in columns.values()]
        number = f' ({sets.index(tuple(result.tests)) + 1})' if len(sets) > 1 else ''
        python, said = result.versions.get('python', ''), result.said() + number
        rows.append([result.age, python, *versions, said, result.date])
    lines = [f'| {" | ".join(row)} |' for row in rows]
    for index, tests in enumerate(sets, start=1):
        paths = ', '.join(f'`{path}`' for path in tests)
        lines += ['', f'({index}) {paths}' if len(sets) > 1 else f'Tests: {paths}']
    return '\n'.join(lines)


def _version(result: Result, names: Sequence[str]) -> str:
    for name in names:
        if name in result.versions:
            fork = ' (fork)' if name.startswith('onedl-') else ''
            return result.versions[name].partition('+')[0] + fork
    return ''
