"""Sphinx extension: how the package's docstrings become pages.

A `name` in backticks links to where the name is documented, and is plain code where it is not. Sphinx's own roles warn
about every name that they cannot resolve; in a docstring most of them are arguments, values or other packages'
functions, so the role of this book keeps quiet about them.

Modules that autodoc replaces by mocks stay replaced for the whole build. It would take the mocks away after each
object and then import the real Keras to look for the source of a base class, which takes longer than all the rest.
"""

from docutils import nodes
from sphinx.domains.python import PyXRefRole
from sphinx.ext.autodoc.mock import mock


class NameRole(PyXRefRole):
    def process_link(self, env, refnode, has_explicit_title, title, target):
        refnode["or_plain_code"] = True
        refnode["refspecific"] = "." not in target  # a bare name is looked up in the class or module at hand first
        refnode["refdomain"], refnode["reftype"] = "py", "obj"
        return super().process_link(env, refnode, has_explicit_title, title, target)


def plain_code(app, env, node, contnode):
    return contnode if node.get("or_plain_code") else None


def keep_mocks(app):
    mocks = mock(app.config.autodoc_mock_imports)
    mocks.__enter__()
    app.connect("build-finished", lambda app, exception: mocks.__exit__(None, None, None))


def setup(app):
    app.add_role("docstring-name", NameRole(innernodeclass=nodes.literal))
    app.connect("missing-reference", plain_code)
    app.connect("builder-inited", keep_mocks)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
