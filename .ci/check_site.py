"""Check the built site for faults that Zensical's strict mode does not report.

python .ci/check_site.py    exit code 1, and one line for each fault

Strict mode reports missing pages, anchors and references, and no more. This script reads the pages it built: every link
and picture must lead to a file of the site and to an anchor in it. Every page must stand in the navigation, and every
entry of the navigation must be a page. Nothing may load from another host.
"""

import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import yaml

ROOT = Path(__file__).parent.parent
LOADING = {"script": "src", "img": "src", "iframe": "src", "source": "srcset", "link": "href", "object": "data"}
"""Elements that load their address as soon as the page opens; a link in a text loads only after a click."""

NOT_LOADED = {"next", "prev", "canonical", "up"}
"""Relations of a `link` element that name a page and load nothing."""


class Page(HTMLParser):
    """The anchors of a page, its links, and the addresses it loads."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.anchors: set[str] = set()
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        self.anchors |= {str(values[name]) for name in ("id", "name") if values.get(name)}
        address = values.get(LOADING.get(tag, "href"))
        if address is None:
            return
        self.links.append(address)
        if tag in LOADING and values.get("rel") not in NOT_LOADED:
            self.loaded.append(address)


def main(root: Path = ROOT) -> int:
    faults = [*navigation(root / "mkdocs.yml", root / "docs"), *pages(root / "site")]
    print("\n".join(faults) if faults else "site: every link is valid, and no page loads from another host")
    return 1 if faults else 0


def navigation(configuration: Path, docs: Path) -> Iterator[str]:
    """Pages outside the navigation, and entries of the navigation without a page."""
    entries = list(paths_of(yaml.safe_load(configuration.read_text())["nav"]))
    files = {path.relative_to(docs).as_posix() for path in docs.rglob("*.md")}
    yield from (f"mkdocs.yml: {each} stands twice" for each in sorted({e for e in entries if entries.count(e) > 1}))
    yield from (f"mkdocs.yml: {each} is not a page" for each in sorted(set(entries) - files))
    yield from (f"docs/{each}: not in the navigation" for each in sorted(files - set(entries)))


def paths_of(nav: object) -> Iterator[str]:
    if isinstance(nav, str):
        yield nav
    elif isinstance(nav, list | dict):
        for each in nav.values() if isinstance(nav, dict) else nav:
            yield from paths_of(each)


def pages(site: Path) -> Iterator[str]:
    """Broken links of the site's pages, and addresses on other hosts that a page loads."""
    found = {path: Page(path.read_text()) for path in sorted(site.rglob("*.html"))}
    for path, page in found.items():
        name = path.relative_to(site)
        if name.name == "404.html":  # served for any path; its links count from the root
            continue
        yield from (f"{name}: loads {each}" for each in page.loaded if urlsplit(each).netloc)
        for link in page.links:
            if fault := fault_of(link, path, site, found):
                yield f"{name}: {link}: {fault}"


def fault_of(link: str, path: Path, site: Path, found: dict[Path, Page]) -> str | None:
    address = urlsplit(link)
    if address.scheme or address.netloc:
        return None
    if address.path.startswith("/"):
        return "counts from the root of the host"
    target = (path.parent / unquote(address.path)).resolve() if address.path else path
    if not target.is_relative_to(site):
        return "leads out of the site"
    if not target.is_file():
        return "does not exist"
    fragment = unquote(address.fragment)
    if fragment and target in found and fragment not in found[target].anchors:
        return "the page has no such anchor"
    return None


if __name__ == "__main__":
    sys.exit(main())
