"""Sphinx configuration: `make docs`."""

import os
import sys
from pathlib import Path

import skmmgenre

DOCS = Path(__file__).parent
sys.path.insert(0, str(DOCS))

from api_reference import write_pages  # noqa: E402

project = "skmmgenre"
author = "The skmmgenre developers"
copyright = "2026, The skmmgenre developers"
version = release = skmmgenre.__version__

extensions = [
    "myst_parser",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.mathjax",
    "sphinx_gallery.gen_gallery",
]
exclude_patterns = ["_build", "_pages", "_templates"]
templates_path = ["_templates"]
default_role = "literal"

# The pages need no network to be built; links into scikit-learn's are for the published ones.
if os.environ.get("READTHEDOCS"):
    extensions.append("sphinx.ext.intersphinx")
    intersphinx_mapping = {
        "sklearn": ("https://scikit-learn.org/stable", None),
        "skorch": ("https://skorch.readthedocs.io/en/stable", None),
    }

myst_enable_extensions = ["colon_fence", "dollarmath"]
myst_heading_anchors = 3

html_theme = "pydata_sphinx_theme"
html_title = "skmmgenre"
html_static_path = ["_static"]
html_css_files = ["wide_code.css"]
html_theme_options = {"show_prev_next": False, "navigation_with_keys": False}

write_pages(DOCS / "api")
autosummary_generate = True
# The docstrings say more of a parameter than its type does.
autodoc_typehints = "none"
# Attributes are in the class's own docstring, methods are listed by the class template.
numpydoc_show_class_members = False

sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "auto_examples",
    "filename_pattern": r"/plot_",
    "ignore_pattern": r"^(?!plot_)",
    "doc_module": ("skmmgenre",),
    "backreferences_dir": "api/examples",
    "abort_on_example_error": True,
    "show_memory": False,
    "download_all_examples": False,
}


def skip_foreign_members(app, kind, name, member, skip, options):
    """Leave out of a class's page what scikit-learn adds to it (get_params, set_..._request)."""
    function = member.fget if isinstance(member, property) else member
    home = getattr(function, "__module__", None) or ""
    if kind in ("class", "method", "property", "attribute") and home.startswith("sklearn"):
        return True
    return None


def setup(app):
    app.connect("autodoc-skip-member", skip_foreign_members)
