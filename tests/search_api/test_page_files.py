"""The page's files: served as built, or a plain word on how to build them."""

from __future__ import annotations

import gzip
import re
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from search_api import page

HTML = {"accept": "text/html"}


def served(built: Path) -> TestClient:
    app = FastAPI(docs_url=None)
    page.install(app, built)
    return TestClient(app)


@pytest.fixture
def built(tmp_path: Path) -> Path:
    (tmp_path / "assets").mkdir()
    (tmp_path / "index.html").write_text("<title>Loupe</title>")
    (tmp_path / "docs.html").write_text("<title>Docs</title>")
    (tmp_path / "assets/index-1234.js").write_text("export {};")
    return tmp_path


def test_without_a_built_page_every_view_says_how_to_build_it(tmp_path: Path) -> None:
    client = served(tmp_path / "nothing")
    for view in ("/", "/library/problems", "/settings"):
        reply = client.get(view, headers=HTML)
        assert reply.status_code == 503
        assert "make setup" in reply.text
        assert reply.headers["content-type"].startswith("text/html")


def test_every_view_is_the_one_page_and_is_asked_for_anew(built: Path) -> None:
    client = served(built)
    for view in ("/", "/library", "/library/problems", "/settings"):
        reply = client.get(view, headers=HTML)
        assert reply.status_code == 200
        assert reply.text == "<title>Loupe</title>"
        assert reply.headers["cache-control"] == "no-cache"
    assert client.get("/docs", headers=HTML).text == "<title>Docs</title>"
    assert "javascript" in client.get("/assets/index-1234.js").headers["content-type"]
    (built / "docs.html").unlink()  # of a page that was built by an earlier Loupe
    assert client.get("/docs", headers=HTML).status_code == 503
    assert client.get("/", headers=HTML).status_code == 200


def test_files_that_never_change_are_kept_and_come_packed_where_that_is_taken(built: Path) -> None:
    plain, packed = b"body { margin: 0 }", gzip.compress(b"body { margin: 0 }", mtime=0)
    (built / "assets/index-5.css").write_bytes(plain)
    (built / "assets/index-5.css.gz").write_bytes(packed)
    client = served(built)
    for takes, length in (("gzip, br", len(packed)), ("identity", len(plain))):
        reply = client.get("/assets/index-5.css", headers={"accept-encoding": takes})
        assert (reply.status_code, reply.content) == (200, plain)
        assert reply.headers["content-length"] == str(length)
        assert reply.headers["content-type"].startswith("text/css")
        assert "immutable" in reply.headers["cache-control"]
        assert reply.headers["vary"] == "Accept-Encoding"
        known = {"accept-encoding": takes, "if-none-match": reply.headers["etag"]}
        assert client.get("/assets/index-5.css", headers=known).status_code == 304
    assert client.get("/assets/index-1234.js", headers={"accept-encoding": "gzip"}).text == "export {};"
    assert client.get("/assets/..%2findex.html").status_code == 404


def test_what_is_no_view_is_not_found(built: Path) -> None:
    client = served(built)
    for reply in (client.get("/libary", headers=HTML), client.get("/assets/none", headers=HTML)):
        assert (reply.status_code, reply.text) == (404, "<title>Loupe</title>")
        assert reply.headers["cache-control"] == "no-cache"
    for reply in (
        client.get("/api/v1/nothing", headers=HTML),
        client.get("/libary", headers={"accept": "application/json"}),
        client.post("/libary", headers=HTML),
        client.get("/libary"),
    ):
        assert (reply.status_code, reply.json()["error"]["code"]) == (404, "NOT_FOUND")
    assert client.get("/assets/index-old.js").status_code == 404


def test_nothing_that_is_committed_says_where_packages_come_from() -> None:
    lock = (page.BUILT.parent / "package-lock.json").read_text()
    assert '"resolved"' not in lock
    assert '"integrity"' in lock


def test_the_built_sheet_styles_every_component_that_the_scripts_have_and_no_other() -> None:
    assets = page.BUILT / "assets"
    if not assets.is_dir():
        pytest.skip("the page is not built: `make setup` builds it")

    def styled(sheet: str) -> set[str]:
        return set(re.findall(r"\.(m_[0-9a-f]+)", sheet))

    known = styled((page.BUILT.parent / "node_modules/@mantine/core/styles.css").read_text())
    named = {name for script in assets.glob("*.js") for name in re.findall(r"\bm_[0-9a-f]+", script.read_text())}
    kept = {name for sheet in assets.glob("*.css") for name in styled(sheet.read_text())}
    assert kept == named & known
    assert len(kept) > 50
