"""Settings of the manual; `python docs/manual.py` builds it from a copy of the Markdown pages."""

from spikeloom import __version__

project = "Spikeloom"
author = "the Spikeloom developers"
version = release = __version__
extensions = ["myst_parser"]
source_suffix = {".md": "markdown"}
root_doc = "docs/README"
myst_heading_anchors = 4
myst_number_code_blocks = []
html_theme = "alabaster"
html_title = f"Spikeloom {__version__}"
html_theme_options = {"description": "Spiking networks from PyTorch to open FPGAs, exact at every step",
                      "page_width": "1180px", "sidebar_width": "260px"}
html_sidebars = {"**": ["about.html", "searchfield.html", "navigation.html"]}
html_copy_source = False
html_show_sphinx = False
