"""Build the manual: HTML of all Markdown pages and of a reference made from the code. A warning is an error.

    python docs/manual.py [-o build/manual]

The map, docs/README.md, is the table of contents: a page that it does not name, a link that leads nowhere and an anchor
that is not there end the build with exit code 1.
"""

import argparse
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGES = ("README.md", "CHANGELOG.md", "docs/**/*.md", "examples/**/*.md")
PICTURES = ("docs/**/*.svg", "docs/**/*.png")
LINK = re.compile(r"(?<!!)\[([^\]]+)\]\(([^)#:\s]+)(#[^)\s]*)?\)")
MAP = Path("docs/README.md")


def stage(root: Path, source: Path, *, reference: bool = True) -> None:
    """Copy what becomes pages into `source`, with the generated reference and a table of contents on the map."""
    for pattern in (*PAGES, *PICTURES):
        for path in sorted(root.glob(pattern)):
            copy = source / path.relative_to(root)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, copy)
    shutil.copyfile(root / "docs/conf.py", source / "conf.py")
    for page in sorted(source.rglob("*.md")):
        page.write_text(LINK.sub(lambda link, page=page: _within(link, page, root, source), page.read_text()))
    table = (source / MAP).read_text()
    if reference:
        import reference as pages
        made = pages.write(source / MAP.parent / "reference")
        table += "\n## Made from the code\n\n" + "".join(f"* [{title}](reference/{page}.md)\n" for page, title in made)
    (source / MAP).write_text(table + contents(table))


def _within(link: re.Match, page: Path, root: Path, source: Path) -> str:
    """A link as the manual has it: to a file that is no page, or to a folder, its text alone; to a page, unchanged."""
    text, target = link[1], (page.parent / link[2]).resolve()
    inside = target.relative_to(source.resolve()) if target.is_relative_to(source.resolve()) else None
    if inside is None or target.is_file() or target.suffix == ".md" or not (root / inside).exists():
        return link[0]
    return text if "`" in text else f"`{inside}`"


def contents(text: str) -> str:
    """Hidden tables of contents: under each heading of the map, the pages that no later heading names."""
    sections = [section.partition("\n") for section in re.split(r"^## ", text, flags=re.M)[1:]]
    place = {page: caption for caption, _, body in sections for _, page, _ in LINK.findall(body)}
    found = []
    for caption in dict.fromkeys(caption for caption, _, _ in sections):
        pages = [page.removeprefix("../") if page.startswith("../") else f"{MAP.parent}/{page}"
                 for page, named in place.items() if named == caption]
        if pages:
            entries = "\n".join(f"/{page}" for page in pages)
            found.append(f"\n```{{toctree}}\n:hidden:\n:caption: {caption}\n\n{entries}\n```\n")
    return "".join(found)


def build(root: Path, output: Path, *, reference: bool = True) -> int:
    """Make the manual of the tree `root` in the folder `output`, anew; the exit code of Sphinx."""
    source = output / "source"
    shutil.rmtree(output, ignore_errors=True)
    source.mkdir(parents=True)
    stage(root, source, reference=reference)
    command = [sys.executable, "-m", "sphinx", "-b", "html", "-W", "--keep-going", "-n", "-q", source, output / "html"]
    return subprocess.run(list(map(str, command)), check=False).returncode


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-o", "--output", type=Path, default=ROOT / "build" / "manual")
    output = parser.parse_args().output
    code = build(ROOT, output)
    if code == 0:
        print(f"the manual: {output / 'html' / 'docs' / 'README.html'}")
    return code


if __name__ == "__main__":
    sys.exit(main())
