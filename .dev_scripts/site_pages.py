"""MkDocs hook: pages from outside docs/ are part of the site, and links work in both places.

A page says where a file lies in the repository, ``../../docs/people.jpg`` or ``../../configs/…``. In
the site docs/ is the root, all else keeps its place, and README.md is the home page. Files that a page
links are part of the site; of a link to a folder, or to a page that is none here, the text remains.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # links are rewritten, and tested, without MkDocs too
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files
    from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parents[1]
DOCS = 'docs'
#: Pages outside docs/ that the site has, where they exist.
PAGES = (
    'README.md',
    'CONTRIBUTING.md',
    'CHANGELOG.md',
    'mmpose_sdpose/weights/README.md',
    'projects/**/*.md',
)
HOME = {'README.md': 'index.md'}
_LINK = re.compile(
    r'(?P<text>!?\[(?:[^\[\]]|\[[^\]]*\])*\])\((?P<path>[^)\s#]*)(?P<anchor>#[^)\s]*)?\)'
)
#: Sphinx's way to name code, ``:class:`~package.Name```, and to announce a block, in docstrings.
_ROLE = re.compile(r':(?:class|meth|func|attr|data|mod):<code>~?(?:[\w.]*\.)?(\w+)</code>')
_BLOCK = re.compile(r'(?:<p>)?::</p>')
_CODE = re.compile(r'(^ *```.*?^ *```$)', re.M | re.S)
_ELSEWHERE = re.compile(r'[a-z]+:|/')


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Bring in the pages from outside docs/ and every file that a page links."""
    for pattern in PAGES:
        for path in sorted(ROOT.glob(pattern)):
            _add(files, config, path.relative_to(ROOT).as_posix())
    for page in [file for file in files if file.is_documentation_page()]:
        source = repository_path(page.src_uri)
        for target in linked_files((ROOT / source).read_text(encoding='utf-8'), source):
            _add(files, config, target)
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    return rewrite_links(markdown, repository_path(page.file.src_uri))


def on_page_content(html: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    html = _ROLE.sub(r'<code>\1</code>', html)
    return _BLOCK.sub(lambda found: '' if found[0].startswith('<p>') else ':</p>', html)


def _add(files: Files, config: MkDocsConfig, path: str) -> None:
    from mkdocs.structure.files import File

    name = site_path(path)
    if files.get_file_from_path(name) is None:
        files.append(File.generated(config, name, abs_src_path=str(ROOT / path)))


def site_path(path: str) -> str:
    """Where a file of the repository is in the site's source."""
    return HOME.get(path, path.removeprefix(f'{DOCS}/'))


def repository_path(name: str) -> str:
    """Where a page of the site is in the repository."""
    homes = {site: path for path, site in HOME.items()}
    if name in homes:
        return homes[name]
    return f'{DOCS}/{name}' if (ROOT / DOCS / name).is_file() else name


def linked_files(markdown: str, source: str) -> Iterator[str]:
    """Files of the repository, none of them a page, that a page links."""
    for part, is_code in parts(markdown):
        for link in [] if is_code else _LINK.finditer(part):
            target = _target(link, source)
            if target and (ROOT / target).is_file() and not target.endswith('.md'):
                yield target


def rewrite_links(markdown: str, source: str) -> str:
    """The text of a page as the site needs it.

    Args:
        markdown: As it is in the repository.
        source: Path of the page in the repository.
    """

    def rewrite(link: re.Match[str]) -> str:
        target = _target(link, source)
        if target is None:
            return link[0]
        if (ROOT / target).is_dir() or (target.endswith('.md') and not is_page(target)):
            return link['text'][1:-1]
        folder = os.path.dirname(site_path(source))
        path = os.path.relpath(site_path(target), folder or '.').replace(os.sep, '/')
        return f'{link["text"]}({path}{link["anchor"] or ""})'

    return ''.join(
        part if is_code else _LINK.sub(rewrite, part) for part, is_code in parts(markdown)
    )


def is_page(path: str) -> bool:
    """Whether a Markdown file of the repository is a page of the site."""
    pages = {page.relative_to(ROOT).as_posix() for pattern in PAGES for page in ROOT.glob(pattern)}
    return path.startswith(f'{DOCS}/') or path in pages


def _target(link: re.Match[str], source: str) -> str | None:
    """What a link means in the repository; None if it leads elsewhere or within the page."""
    path = link['path']
    if not path or _ELSEWHERE.match(path):
        return None
    return os.path.normpath(os.path.join(os.path.dirname(source), path)).replace(os.sep, '/')


def parts(markdown: str) -> Iterator[tuple[str, bool]]:
    """The text in pieces, each with whether it is a block of code."""
    pieces = _CODE.split(markdown)
    return ((piece, number % 2 == 1) for number, piece in enumerate(pieces))
