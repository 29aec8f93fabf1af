"""The guard of the documentation site finds the faults that the strict build lets pass."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.supply import ROOT, script

CHECK = script("check_site")


def site(folder: Path, body: str, nav: str = "[index.md, {More: [more.md]}]") -> Path:
    """A built site of two pages, of which the first has this body."""
    for name, text in {
        "mkdocs.yml": f"nav: {nav}\n",
        "docs/index.md": "",
        "docs/more.md": "",
        "site/index.html": f"<h1 id=top>x</h1>{body}",
        "site/more.html": "<h1 id=there>x</h1>",
        "site/picture.svg": "<svg/>",
    }.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)
    return folder


SOUND = [
    '<a href="more.html#there">x</a><img src="./picture.svg"><a href="#top">x</a><a href="https://example.org/">x</a>',
    '<link rel="next" href="more.html"><script>1</script><a name="only">x</a>',
]


@pytest.mark.parametrize("body", SOUND)
def test_a_sound_site_passes(body: str, tmp_path: Path) -> None:
    assert CHECK.main(site(tmp_path, body)) == 0


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        ('<a href="nowhere.html">x</a>', "index.html: nowhere.html: does not exist"),
        ('<a href="../config.example.toml">x</a>', "leads out of the site"),
        ('<a href="/more.html">x</a>', "counts from the root of the host"),
        ('<a href="more.html#nope">x</a>', "the page has no such anchor"),
        ('<a href="#nope">x</a>', "the page has no such anchor"),
        ('<img src="nope.png">', "index.html: nope.png: does not exist"),
        ('<img src="https://example.org/x.png">', "index.html: loads https://example.org/x.png"),
        ('<script src="//example.org/x.js"></script>', "index.html: loads //example.org/x.js"),
        ('<link rel="preconnect" href="https://example.org">', "index.html: loads https://example.org"),
        ('<img srcset="picture.svg 1x, https://example.org/2.png 2x">', "index.html: loads https://example.org/2.png"),
        ('<video poster="https://example.org/p.png">', "index.html: loads https://example.org/p.png"),
        ('<video src="//example.org/v.mp4">', "index.html: loads //example.org/v.mp4"),
        ('<svg><use href="https://example.org/i.svg#a"/></svg>', "index.html: loads https://example.org/i.svg#a"),
        ('<p style="background: url(https://example.org/b.png)">', "index.html: loads https://example.org/b.png"),
        ("<style>@import 'https://example.org/c.css';</style>", "index.html: loads https://example.org/c.css"),
    ],
)
def test_a_fault_of_a_page_is_named(body: str, fault: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert CHECK.main(site(tmp_path, body)) == 1
    assert fault in capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "text", "fault"),
    [
        ("site/own.css", "a { background: url('//example.org/b.png') }", "own.css: loads //example.org/b.png"),
        ("site/own.css", '@import "https://example.org/c.css";', "own.css: loads https://example.org/c.css"),
        ("README.md", "[x](docs/nope.md#a)", "README.md: docs/nope.md#a: does not exist"),
        ("SECURITY.md", "![x](nope.svg)", "SECURITY.md: nope.svg: does not exist"),
    ],
)
def test_a_fault_beside_the_pages_is_named(
    name: str, text: str, fault: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (site(tmp_path, "") / name).write_text(text)
    assert CHECK.main(tmp_path) == 1
    assert fault in capsys.readouterr().out


def test_data_in_a_style_sheet_and_files_of_the_repository_are_sound(tmp_path: Path) -> None:
    (site(tmp_path, "") / "site/own.css").write_text("a { background: url(data:image/svg+xml,//x) }")
    (tmp_path / "README.md").write_text("[x](docs/more.md#there) [y](https://example.org/)")
    assert CHECK.main(tmp_path) == 0


@pytest.mark.parametrize(
    ("nav", "fault"),
    [
        ("[index.md]", "docs/more.md: not in the navigation"),
        ("[index.md, more.md, less.md]", "mkdocs.yml: less.md is not a page"),
        ("[index.md, more.md, {Again: more.md}]", "mkdocs.yml: more.md stands twice"),
    ],
)
def test_a_fault_of_the_navigation_is_named(
    nav: str, fault: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert CHECK.main(site(tmp_path, "", nav)) == 1
    assert fault in capsys.readouterr().out


def test_the_navigation_of_this_site_is_whole() -> None:
    """`make docs` finds it too, but not every run of the tests builds the site."""
    assert list(CHECK.navigation(ROOT / "mkdocs.yml", ROOT / "docs")) == []
