"""What a page must be, whatever it tells: read back with an HTML parser, and in a browser where there is one."""

import base64
import hashlib
import re
import subprocess
import tempfile
from html.parser import HTMLParser
from pathlib import Path

from spikeloom.page import SECTIONS
from spikeloom.page.markup import ALONE, VOID

BROWSER = "chromium"
OF_IMPORTS, NOT_OF_IMPORTS = ("import",), ("compression", "search")
FLAGS = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
         "--disable-background-networking", "--disable-component-update", "--disable-sync", "--hide-scrollbars",
         "--enable-logging=stderr", "--v=0")
LINKS = ("href", "src", "xlink:href", "action", "data", "poster", "srcset")


class Reader(HTMLParser):
    """Gathers what is wrong, and what there is."""

    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.ids: list[str] = []
        self.wrong: list[str] = []
        self.elements: list[tuple[str, dict]] = []
        self.inside: dict[str, list[str]] = {"script": [], "style": []}
        self.policy, self.words = "", ""

    def handle_starttag(self, tag, attrs):
        found = dict(attrs)
        self.elements.append((tag, found))
        if len(found) != len(attrs):
            self.wrong.append(f"<{tag}> has an attribute twice")
        if "id" in found:
            self.ids.append(found["id"])
        for name, value in attrs:
            if name.startswith("on") or name == "style":
                self.wrong.append(f"<{tag}> has {name}")
            if name in LINKS and not (value or "").startswith(("#", "data:,")):
                self.wrong.append(f"<{tag}> leads to {value}")
        if found.get("http-equiv") == "Content-Security-Policy":
            self.policy = found["content"]
        if tag in self.inside:
            self.inside[tag].append("")
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        self.open.pop()
        if tag not in ALONE:
            self.wrong.append(f"<{tag}/> closes itself")

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.wrong.append(f"</{tag}> closes what is not open")

    def handle_data(self, data):
        if self.open and self.open[-1] in self.inside:
            self.inside[self.open[-1]][-1] += data
        else:
            self.words += data


def read(page: str) -> Reader:
    reader = Reader()
    reader.feed(page)
    reader.close()
    return reader


def faults(page: str) -> list[str]:
    """All that is wrong with a page."""
    found = read(page)
    wrong = [*found.wrong, *(f"<{tag}> is left open" for tag in found.open)]
    wrong += [f"id {one} is there twice" for one in sorted(set(found.ids)) if found.ids.count(one) > 1]
    there = [attributes.get("id") for tag, attributes in found.elements if tag == "section"]
    wrong += [f"section {name} is missing" for name in SECTIONS if name not in (*there, *OF_IMPORTS, *NOT_OF_IMPORTS)]
    if not set(there) & {*OF_IMPORTS, *NOT_OF_IMPORTS}:
        wrong.append("there must be what imports have, or what others have")
    wrong += [f"#{target} leads nowhere" for tag, attributes in found.elements if tag == "a"
              and (target := attributes["href"][1:]) not in found.ids]
    for tag, parts in found.inside.items():
        if len(parts) != 1:
            wrong.append(f"there must be one <{tag}>, not {len(parts)}")
        for part in parts:
            digest = base64.b64encode(hashlib.sha256(part.encode()).digest()).decode()
            if f"{tag}-src 'sha256-{digest}';" not in found.policy:
                wrong.append(f"the policy must allow just the <{tag}> that is there")
    if not found.policy.startswith("default-src 'none';"):
        wrong.append("the policy must allow nothing else")
    wrong += [f"{one} is not in ASCII" for one in sorted(set(re.findall(r"[^\x00-\x7f]", page)))]
    return wrong


def browse(page: Path, *flags: str, hash_: str = "") -> tuple[str, list[str]]:
    """What a browser makes of a page: its document afterwards, and what its console says."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        done = subprocess.run(
            [BROWSER, *FLAGS, f"--user-data-dir={profile}", "--virtual-time-budget=2000", *(flags or ("--dump-dom",)),
             page.resolve().as_uri() + hash_], capture_output=True, text=True, timeout=120, check=True)
    return done.stdout, [line.partition("CONSOLE")[2] for line in done.stderr.splitlines() if ":CONSOLE" in line]
