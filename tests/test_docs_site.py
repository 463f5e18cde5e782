"""The docs site: it builds without a warning, loads nothing from elsewhere, and its pages work in a browser."""

import configparser
import importlib.util
import os
import re
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import ModuleType

import pytest
import yaml
from made_browser import CHROMIUM, PHONE, WIDE, Browser

import hvdbench
from hvdbench import errors

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
PACKAGES = ("mkdocs", "material", "mkdocstrings_handlers")
needs_mkdocs = pytest.mark.skipif(
    not all(importlib.util.find_spec(name) for name in PACKAGES), reason="the extra [docs] is not installed"
)
in_a_browser = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="no 'chromium' on PATH (Debian: apt-get install chromium)"),
]
LOADED = re.compile(r"<(?:script|img|iframe|source|video)\b[^>]*\bsrc=\"?([^\"\s>]+)|<link\b[^>]*\bhref=\"?([^\"\s>]+)")
BOARDS = sorted(path.stem for path in (ROOT / "leaderboards").glob("*.csv"))


class _Loader(yaml.SafeLoader):
    """Reads ``mkdocs.yml`` without running what its tags name."""


_Loader.add_multi_constructor("tag:yaml.org,2002:python/", lambda loader, suffix, node: suffix)


def pages_of(nav: list) -> list[str]:
    found = []
    for entry in nav:
        (value,) = entry.values()
        found += pages_of(value) if isinstance(value, list) else [value]
    return found


@pytest.fixture(scope="module")
def hooks() -> ModuleType:
    pytest.importorskip("mkdocs", reason="the extra [docs] is not installed")
    spec = importlib.util.spec_from_file_location("docs_hooks", DOCS / "_hooks.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_sites_order_is_that_of_the_list_of_documents(hooks):
    here, listed = DOCS / "README.md", []
    for row in re.findall(r"^\| (\[.*?) \|", here.read_text(encoding="utf-8"), re.MULTILINE):
        listed += [hooks.place_of(hooks.target_of(link, here)) for link in re.findall(r"\]\((.+?)\)", row)]
    nav = pages_of(yaml.load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"), _Loader)["nav"])
    assert nav[:2] == ["README.md", "project/README.md"]
    assert nav[2:] == [place for place in listed if place.endswith(".md")]


def test_the_reference_has_every_public_function_and_error():
    named = re.findall(r"^::: (\S+)$", (DOCS / "api.md").read_text(encoding="utf-8"), re.MULTILINE)
    kinds = [one for one in vars(errors).values() if isinstance(one, type) and issubclass(one, errors.HvdbenchError)]
    assert {f"hvdbench.workflows.verbs.{home}.{name}" for name, home in hvdbench._HOMES.items()} <= set(named)
    assert {f"hvdbench.errors.{kind.__name__}" for kind in kinds} <= set(named)


def test_every_shipped_board_is_on_the_page_of_boards():
    text = (DOCS / "boards.md").read_text(encoding="utf-8")
    assert sorted(re.findall(r"\]\(\.\./leaderboards/([\w-]+)\.md\)", text)) == BOARDS


def test_links_lead_into_the_site_and_a_broken_one_is_an_error(hooks):
    here = DOCS / "labels.md"
    assert hooks.place_of(hooks.target_of("store.md#runs", here)) == "store.md"
    assert hooks.place_of(hooks.target_of("../CHANGELOG.md", here)) == "project/CHANGELOG.md"
    assert hooks.place_of(hooks.target_of("../recipes", here)) == "project/recipes/README.md"
    assert hooks.place_of(hooks.target_of("../leaderboards/labels.md", here)) == "boards/labels.html"
    assert hooks.place_of(hooks.target_of("../hvdbench/boards", here)) is None
    assert hooks.target_of("https://example.org/store.md", here) is None
    assert hooks.target_of("#here", here) is None
    with pytest.raises(FileNotFoundError, match=r"docs/labels.md links to gone.md"):
        hooks.target_of("gone.md", here)


def test_the_citation_has_the_version_licence_and_title_of_the_package():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg", encoding="utf-8")
    for entry in (citation, citation["preferred-citation"]):
        assert entry["type"] == "software"
        assert entry["version"] == hvdbench.__version__
        assert entry["license"] == config["metadata"]["license"]
        assert entry["title"].lower() == f"hvdbench: {config['metadata']['description']}".lower()
    assert any("arXiv:2508.08605" in str(entry) for entry in citation["references"])


# The built site


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(folder)]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")
    return folder


@pytest.fixture(scope="module")
def address(site: Path) -> Iterator[str]:
    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=site))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    found = Browser(tmp_path_factory.mktemp("profile"))
    yield found
    found.close()


def show(browser: Browser, url: str, ready: str, *, dark: bool = False) -> None:
    browser.log.clear()
    scheme = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
    browser.send("Emulation.setEmulatedMedia", features=scheme)
    browser.send("Page.navigate", url=url)
    browser.wait(f"document.readyState === 'complete' && location.href === {url!r} && {ready} !== null")


@pytest.mark.slow
@needs_mkdocs
def test_no_page_loads_anything_from_another_host(site):
    pages = sorted(site.rglob("*.html"))
    assert len(pages) > 40
    loaded = {one or other for page in pages for one, other in LOADED.findall(page.read_text(encoding="utf-8"))}
    assert any(name.endswith(".css") for name in loaded)
    assert [name for name in loaded if name.startswith(("http:", "https:", "//"))] == []


@pytest.mark.slow
@needs_mkdocs
def test_links_of_documents_lead_to_pages_and_boards(site):
    text = (site / "labels.html").read_text(encoding="utf-8")
    assert 'href="boards/labels.html"' in text
    assert not re.search(r'href="[^":]*\.md[#"]', text)
    for board in BOARDS:
        page = (site / "boards" / f"{board}.html").read_text(encoding="utf-8")
        assert "<table" in page
        assert tempfile.gettempdir() not in page
    assert 'src="../demo.jpg"' in (site / "project" / "index.html").read_text(encoding="utf-8")


@pytest.mark.slow
@needs_mkdocs
def test_lists_and_tables_that_github_shows_are_lists_and_tables_here(site):
    # Python-Markdown wants parts of a list's item indented by four columns, and a line between them and the next item.
    swallowed = []
    for page in sorted(site.rglob("*.html")):
        text = re.sub(r"<pre.*?</pre>|<!--.*?-->", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
        paragraphs = re.findall(r"<p>(.*?)</p>", text, re.DOTALL)
        swallowed += [(page.name, part) for part in paragraphs if re.search(r"\n(?:- |\d+\. |\| )", part)]
    assert swallowed == []


@pytest.mark.slow
@needs_mkdocs
def test_the_reference_shows_arguments_results_errors_and_examples(site):
    text = re.sub(r"<[^>]+>", "", (site / "api.html").read_text(encoding="utf-8"))
    for function in hvdbench.__all__:
        assert f"\n{function}(" in text  # its signature
    for heading in ("Parameters", "Returns", "Raises", "Examples"):
        assert text.count(heading) >= 8, heading
    assert not re.search(r":(?:func|class|mod|data):", text)


@pytest.mark.slow
@needs_mkdocs
class TestInABrowser:
    """The site, handed out by a server as it would be."""

    pytestmark = in_a_browser

    def test_the_first_page_links_every_document_in_both_schemes(self, browser, address):
        colours = []
        for dark in (False, True):
            browser.size(*WIDE)
            show(browser, f"{address}/index.html", "document.querySelector('article table')", dark=dark)
            colours.append(browser.value("getComputedStyle(document.body).backgroundColor"))
            assert browser.log == []
        assert colours[0] != colours[1]
        links = browser.value("[...document.querySelectorAll('article table a')].map((one) => one.href)")
        assert f"{address}/project/CHANGELOG.html" in links

    def test_search_finds_a_page(self, browser, address):
        browser.size(*WIDE)
        show(browser, f"{address}/index.html", "document.querySelector('[data-md-component=search-query]')")
        browser.value("document.querySelector('[data-md-component=search-query]').focus()")
        browser.type("bradley")
        browser.wait("document.querySelector('.md-search-result__item a[href*=study]') !== null")
        assert browser.log == []

    @pytest.mark.parametrize("board", ["unseen-plain", "validity"])
    def test_a_board_page_ranks_its_methods(self, browser, address, board):
        browser.size(*WIDE)
        show(browser, f"{address}/boards/{board}.html", "document.querySelector('.ranked tbody tr')")
        assert browser.value("document.querySelectorAll('.ranked tbody tr').length") >= 4
        assert browser.log == []

    def test_no_document_is_wider_than_a_phone(self, browser, address):
        browser.size(*PHONE)
        for page in ("index", "api", "boards", "rivals"):
            show(browser, f"{address}/{page}.html", "document.querySelector('article h1')")
            assert browser.value("document.documentElement.scrollWidth") <= PHONE[0], page
