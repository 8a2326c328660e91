"""Sphinx extension: `name` in a docstring links to where the name is documented, and is plain code where it is not.

Sphinx's own roles warn about every name that they cannot resolve. In a docstring most names in backticks are
arguments, values or other packages' functions, so this role, the default one of the book, keeps quiet about them.
"""

from docutils import nodes
from sphinx.domains.python import PyXRefRole


class NameRole(PyXRefRole):
    def process_link(self, env, refnode, has_explicit_title, title, target):
        refnode["or_plain_code"] = True
        refnode["refspecific"] = "." not in target  # a bare name is looked up in the class or module at hand first
        refnode["refdomain"], refnode["reftype"] = "py", "obj"
        return super().process_link(env, refnode, has_explicit_title, title, target)


def plain_code(app, env, node, contnode):
    return contnode if node.get("or_plain_code") else None


def setup(app):
    app.add_role("docstring-name", NameRole(innernodeclass=nodes.literal))
    app.connect("missing-reference", plain_code)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
