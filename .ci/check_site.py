"""Check the built site for faults that Zensical's strict mode does not report.

python .ci/check_site.py    exit code 1, and one line for each fault

Strict mode reports missing pages, anchors and references, and no more. This script reads the pages it built: every link
and picture must lead to a file of the site and to an anchor in it. Every page must stand in the navigation, and every
entry of the navigation must be a page. Nothing may load from another host. The links of the pages outside docs/, such
as README.md, must lead to a file.
"""

import re
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import yaml

ROOT = Path(__file__).parent.parent
LOADING = {"src", "srcset", "poster", "data"}
"""Attributes whose address loads as soon as the page opens, as does the `href` of a `link` and of an SVG element."""

LOADED_BY_HREF = {"link", "image", "use"}

NOT_LOADED = {"next", "prev", "canonical", "up"}
"""Relations of a `link` element that name a page and load nothing."""

STYLE_ADDRESS = re.compile(r"""url\(\s*["']?([^"')]+)|@import\s+["']([^"']+)""")

REPOSITORY_PAGES = ("README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md", "CODE_OF_CONDUCT.md")
MARKDOWN_LINK = re.compile(r"\]\(([^()\s]+)\)")


class Page(HTMLParser):
    """The anchors of a page, its links, and the addresses it loads."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.anchors: set[str] = set()
        self.links: list[str] = []
        self.loaded: list[str] = []
        self._is_style = False
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value for name, value in attrs if value is not None}
        self.anchors |= {values[name] for name in ("id", "name") if values.get(name)}
        self._is_style = tag == "style"
        loaded = [address for name in LOADING & set(values) for address in addresses_in(name, values[name])]
        if "href" in values:
            self.links.append(values["href"])
            if tag in LOADED_BY_HREF and values.get("rel") not in NOT_LOADED:
                loaded.append(values["href"])
        self.links += [address for address in loaded if address not in self.links]
        self.loaded += [*loaded, *style_addresses(values.get("style", ""))]

    def handle_data(self, data: str) -> None:
        if self._is_style:
            self.loaded += style_addresses(data)


def addresses_in(attribute: str, value: str) -> list[str]:
    """The addresses of an attribute; `srcset` lists several, each with its size."""
    return [each.split()[0] for each in value.split(",") if each.strip()] if attribute == "srcset" else [value]


def style_addresses(css: str) -> list[str]:
    """The addresses that a style sheet loads, apart from those that hold their data."""
    found = (url or imported for url, imported in STYLE_ADDRESS.findall(css))
    return [address for address in found if not address.startswith("data:")]


def main(root: Path = ROOT) -> int:
    faults = [
        *navigation(root / "mkdocs.yml", root / "docs"),
        *pages(root / "site"),
        *style_sheets(root / "site"),
        *repository_pages(root),
    ]
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


def style_sheets(site: Path) -> Iterator[str]:
    """Addresses on other hosts that a style sheet loads."""
    for path in sorted(site.rglob("*.css")):
        yield from (
            f"{path.relative_to(site)}: loads {each}"
            for each in style_addresses(path.read_text())
            if urlsplit(each).netloc
        )


def repository_pages(root: Path) -> Iterator[str]:
    """Links of the pages outside docs/ that lead to no file of the repository."""
    for path in filter(Path.is_file, map(root.joinpath, REPOSITORY_PAGES)):
        for link in MARKDOWN_LINK.findall(path.read_text()):
            address = urlsplit(link)
            if not address.scheme and address.path and not (root / unquote(address.path)).exists():
                yield f"{path.name}: {link}: does not exist"


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
