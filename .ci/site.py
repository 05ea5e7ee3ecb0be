"""Follows every link between pages of the built site: site.py FOLDER. What a page is called, and its anchors, mdBook decides."""

import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit


class Page(HTMLParser):
    def __init__(self, path):
        super().__init__()
        self.links, self.ids = [], set()
        self.feed(path.read_text())

    def handle_starttag(self, tag, attributes):
        for name, value in attributes:
            if name == "id":
                self.ids.add(value)
            elif name in ("href", "src", "srcset") and value:
                self.links.append(value)


root = Path(sys.argv[1]).resolve()
pages = {path: Page(path) for path in root.rglob("*.html")}
wrong, followed = [], 0
for path, page in pages.items():
    # It is shown at any address, so its links begin at the top of the site.
    if path.name == "404.html":
        continue
    for link in page.links:
        parts = urlsplit(link)
        if parts.scheme or parts.netloc:
            continue
        followed += 1
        target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
        if not target.is_file() or not target.is_relative_to(root):
            wrong.append(f"{path.relative_to(root)}: {link}: there is no such file")
        elif parts.fragment and target in pages and unquote(parts.fragment) not in pages[target].ids:
            wrong.append(f"{path.relative_to(root)}: {link}: there is no such heading")
print(f"{len(pages)} pages, {followed} links, {len(wrong)} wrong", *wrong, sep="\n")
sys.exit(bool(wrong) or followed < 100)
