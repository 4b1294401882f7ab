"""How Sphinx makes the documentation site: `make docs`. Everything it needs is in the pages themselves: no CDN."""

import sys
from importlib.metadata import version as _version
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent))

project = "Tidings"
author = "The Tidings authors"
copyright = "The Tidings authors, Apache-2.0"  # noqa: A001 - Sphinx's name
version = release = _version("tidings")
extensions = ["myst_parser"]
myst_heading_anchors = 4
myst_links_external_new_tab = False
html_theme = "furo"
html_title = "Tidings"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_favicon = "_static/mark.svg"
html_show_sphinx = False
html_copy_source = False
language = "en"
suppress_warnings = [
    "misc.highlighting_failure",  # samples are cut short with "..." where the rest says nothing
]
