"""Links of pages as the site needs them: docs/ is its root, README.md its home page."""

from __future__ import annotations

import pytest
from site_pages import linked_files, repository_path, rewrite_links, site_path


@pytest.mark.parametrize(
    ('text', 'source', 'expected'),
    [
        ('![two](../../docs/people.jpg)', 'projects/sdpose/README.md', '![two](../../people.jpg)'),
        ('[a](docs/models.md#small)', 'README.md', '[a](models.md#small)'),
        ('[a](projects/sdpose/README.md)', 'README.md', '[a](projects/sdpose/README.md)'),
        ('[a](../README.md)', 'docs/models.md', '[a](index.md)'),
        (
            '[a](../../projects/sdpose/README.md)',
            'docs/api/x.md',
            '[a](../projects/sdpose/README.md)',
        ),
        ('[a](../projects/runtime/README.md)', 'docs/models.md', '[a](projects/runtime/README.md)'),
        (
            'a [name\nof two lines](docs/people.jpg)',
            'README.md',
            'a [name\nof two lines](people.jpg)',
        ),
        ('[what](tests/mmpose_sdpose/data/README.md)', 'CONTRIBUTING.md', 'what'),
        ('a [folder](configs) of them', 'projects/studies/README.md', 'a folder of them'),
        ('[a](https://x.org/docs/y.md), [b](#here)', 'README.md', None),
        ('```\n[a](docs/people.jpg)\n```', 'README.md', None),
    ],
)
def test_links_are_those_of_the_site(text, source, expected):
    assert rewrite_links(text, source) == (expected or text)


def test_files_that_are_linked_come_along_and_pages_do_not():
    text = '[a](../../docs/benchmark.csv), [b](ATTENTION.md), [c](../../LICENSE), [d](none.csv)'
    assert list(linked_files(text, 'projects/sdpose/README.md')) == [
        'docs/benchmark.csv',
        'LICENSE',
    ]


@pytest.mark.parametrize(
    'path', ['README.md', 'docs/benchmark.csv', 'projects/sdpose/README.md', 'LICENSE']
)
def test_a_page_knows_where_it_came_from(path):
    assert repository_path(site_path(path)) == path
