"""Build the parts of the docs site that are not files of ``docs/``: documents from elsewhere, boards, their links.

The documents link to each other as files of the repository, so that they can be read there. On the site a document
from outside ``docs/`` becomes a page below ``project/``, a board of ``leaderboards/`` the page that
``hvdbench leaderboard export --format html`` makes of it, and any other file a copy of itself. What the site cannot
hold, such as a folder, is linked to in the repository if ``setup.cfg`` names its address, and is plain text otherwise.
"""

import configparser
import os
import re
import tempfile
from pathlib import Path
from urllib.parse import urlsplit
from xml.etree.ElementTree import Element

from markdown import Markdown
from markdown.extensions import Extension
from markdown.preprocessors import Preprocessor
from markdown.treeprocessors import Treeprocessor
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files, InclusionLevel
from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
BOARDS = ROOT / "leaderboards"
IN_NAV = ("README.md", "CONTRIBUTING.md", "RELEASING.md", "CHANGELOG.md", "recipes/README.md")
"""Documents from outside ``docs/`` that ``mkdocs.yml`` names."""
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_ROLE = re.compile(r"(?<!`):(?:attr|class|data|exc|func|meth|mod):`~?(?=[\w.]+`)")
# Above Python-Markdown's own inline patterns (20), which make the links, and before MkDocs checks them (0).
_AFTER_LINKS_ARE_MADE = 5


def target_of(link: str, document: Path) -> Path | None:
    """Return the file or folder of the repository that a document's link leads to, None for any other link.

    Raises:
        FileNotFoundError: if the link leads to nothing.
    """
    parts = urlsplit(link)
    if parts.scheme or parts.netloc or not parts.path:
        return None
    found = Path(os.path.normpath(document.parent / parts.path))
    if not found.is_relative_to(ROOT):
        return None
    if not found.exists():
        raise FileNotFoundError(f"{document.relative_to(ROOT)} links to {link}, which is not there")
    return found


def is_board(path: Path) -> bool:
    """Return whether a file is the text of a shipped board, beside which its CSV lies."""
    return path.parent == BOARDS and path.suffix == ".md" and path.with_suffix(".csv").is_file()


def place_of(path: Path) -> str | None:
    """Return where a file of the repository is in the site's sources, None for what the site does not hold."""
    if path.is_dir():
        path = path / "README.md"
        if not path.is_file():
            return None
    if path.is_relative_to(DOCS):
        return path.relative_to(DOCS).as_posix()
    if is_board(path):
        return f"boards/{path.stem}.html"
    return f"project/{path.relative_to(ROOT).as_posix()}"


def linked_from_outside(documents: list[Path]) -> dict[str, Path]:
    """List the files outside ``docs/`` that documents link to, and those that these link to, by place in the site."""
    found: dict[str, Path] = {}
    left = list(documents)
    while left:
        document = left.pop()
        for link in _LINK.findall(document.read_text(encoding="utf-8")):
            try:
                path = target_of(link, document)
            except FileNotFoundError:
                continue  # it is inside a block of code; what is truly a link is looked up again by SiteLinks
            place = path and place_of(path)
            if path is None or place is None or place in found or (ROOT / "docs" / place).is_file():
                continue
            path = path / "README.md" if path.is_dir() else path
            found[place] = path
            if path.suffix == ".md" and not is_board(path):
                left.append(path)
    return found


def board_page(name: str) -> str:
    """Make the web page of a shipped board; without runs and datasets it has tables, charts and papers' numbers."""
    from hvdbench.boards.files import read_beside  # slow to import, and only boards need it
    from hvdbench.pages.board.page import write_page

    rows, papers = read_beside(name, BOARDS)
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder) / "board.html"
        write_page(page, rows, papers, runs=Path(folder) / "runs")
        # The page says that 'runs' has no frames; the folder that was made up for it would differ with every build.
        return page.read_text(encoding="utf-8").replace(f"{folder}/", "")


def repository() -> str | None:
    """Return the address of the repository if ``setup.cfg`` names it."""
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg", encoding="utf-8")
    address = config.get("metadata", "url", fallback=None)
    return address.rstrip("/") if address else None


class PlainRoles(Preprocessor):
    """Docstrings name code as ``:func:`name```; a page shows the name alone."""

    def run(self, lines: list[str]) -> list[str]:
        """Drop the roles from lines of text."""
        return [_ROLE.sub("`", line) for line in lines]


class SiteLinks(Treeprocessor):
    """Turn links between files of the repository into links between pages of the site."""

    page: File | None = None

    def __init__(self, md: Markdown, homes: dict[str, Path], address: str | None) -> None:
        super().__init__(md)
        self._homes, self._address = homes, address

    def run(self, root: Element) -> None:
        """Rewrite every link and picture of a page."""
        if SiteLinks.page is None:
            return
        source = SiteLinks.page.src_uri
        document = self._homes.get(source, DOCS / source)
        for element in root.iter():
            key = {"a": "href", "img": "src"}.get(element.tag)
            link = element.get(key) if key else None
            path = target_of(link, document) if link else None
            if key is None or link is None or path is None:
                continue
            place = place_of(path)
            if place is not None:
                anchor = urlsplit(link).fragment
                element.set(key, os.path.relpath(place, Path(source).parent) + (f"#{anchor}" if anchor else ""))
            elif self._address:
                element.set(key, f"{self._address}/tree/main/{path.relative_to(ROOT).as_posix()}")
            else:
                element.tag = "span"
                del element.attrib[key]


class SiteMarkdown(Extension):
    """Add :class:`SiteLinks` and :class:`PlainRoles` to Python-Markdown."""

    def __init__(self) -> None:
        super().__init__()
        self.homes: dict[str, Path] = {}

    def extendMarkdown(self, md: Markdown) -> None:
        """Register both with one converter."""
        md.treeprocessors.register(SiteLinks(md, self.homes, repository()), "site-links", _AFTER_LINKS_ARE_MADE)
        md.preprocessors.register(PlainRoles(md), "plain-roles", _AFTER_LINKS_ARE_MADE)


_MARKDOWN = SiteMarkdown()


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Let MkDocs render the documents with the site's links."""
    config.markdown_extensions.append(_MARKDOWN)  # type: ignore[arg-type]
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the documents from outside ``docs/``, the files that are linked to, and the boards' pages."""
    documents = [DOCS / file.src_uri for file in files.documentation_pages()]
    added = linked_from_outside([*documents, *(ROOT / name for name in IN_NAV)])
    added |= {f"project/{name}": ROOT / name for name in IN_NAV}
    added |= {f"boards/{csv.stem}.html": csv.with_suffix(".md") for csv in sorted(BOARDS.glob("*.csv"))}
    for place, path in sorted(added.items()):
        level = InclusionLevel.INCLUDED if place.removeprefix("project/") in IN_NAV else InclusionLevel.NOT_IN_NAV
        if is_board(path):
            files.append(File.generated(config, place, content=board_page(path.stem), inclusion=level))
        else:
            files.append(File.generated(config, place, abs_src_path=str(path), inclusion=level))
    _MARKDOWN.homes.clear()
    _MARKDOWN.homes.update(added)
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Remember which page is rendered next, since links are relative to its document."""
    SiteLinks.page = page.file
    return markdown
