"""The site: ``sphinx-build -W docs build/site``. Nothing is fetched from the network."""

import sys
from importlib.metadata import version as version_of
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

import generate  # noqa: E402

generate.write_all(HERE / "reference")

project = "avianvox"
author = "The avianvox authors"
copyright = "the avianvox authors"
release = version = version_of("avianvox")
language = "en"

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["_build"]

myst_heading_anchors = 4
myst_enable_extensions = ["colon_fence"]
highlight_language = "text"
default_role = "code"
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
napoleon_google_docstring = False
napoleon_use_rtype = False

html_theme = "furo"
html_title = "avianvox"
html_show_sourcelink = False
html_copy_source = False
html_theme_options = {"source_repository": generate.REPOSITORY, "top_of_page_buttons": []}


def setup(app: Any) -> None:
    """Links that leave this folder lead to the repository."""

    def mend(_app: Any, _page: str, source: list[str]) -> None:
        source[0] = generate.on_site(source[0])

    app.connect("source-read", mend)
