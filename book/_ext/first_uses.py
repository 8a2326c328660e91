"""Sphinx extension: on a notebook's page, the first use of a word of the glossary links there and shows its meaning.

Notebooks are also read in Jupyter and Colab, where a link written in Sphinx's own way would stand as raw text, so the
links are made here and not by the authors.
"""

import re

from docutils import nodes

GLOSSARY = "book/glossary"


def meanings(glossary):
    """The words of a glossary's doctree: ``{"kernel": ("term-kernel", "The small grid of weights that ...")}``."""
    found = {}
    for item in glossary.findall(nodes.definition_list_item):
        meaning = " ".join(next(item.findall(nodes.definition)).astext().split())
        for term in item.findall(nodes.term):
            found[term.astext()] = (term["ids"][0], meaning)
    return found


def link_first_uses(doctree, words, address):
    """Replace the first use of each word in a paragraph by a link; headings, code, formulas and links stay.

    Parameters
    ----------
    doctree : docutils.nodes.document
        Is changed.
    words : dict
        As `meanings` gives them. A plural in -s or -es counts as the word.
    address : str
        Of the glossary's page, seen from this one.
    """
    # Longest first, so that "label smoothing" is found before a shorter word in it.
    forms = sorted(words, key=len, reverse=True)
    pattern = re.compile(rf"(?<![\w-])({'|'.join(map(re.escape, forms))})(?:e?s)?(?![\w-])", re.IGNORECASE)
    by_form = {word.lower(): word for word in words}
    # A word that the author has linked stays with the author's link.
    ends = {link.get("refuri", "").rpartition("#")[2] for link in doctree.findall(nodes.reference)}
    linked = {word for word, (anchor, _) in words.items() if anchor in ends}
    for text in list(doctree.findall(nodes.Text)):
        if not isinstance(text.parent, nodes.paragraph):
            continue
        pieces, end = [], 0
        for match in pattern.finditer(text):
            word = by_form[match[1].lower()]
            if word in linked:
                continue
            linked.add(word)
            anchor, meaning = words[word]
            link = nodes.reference("", match[0], refuri=f"{address}#{anchor}", internal=True)
            link["classes"] += ["first-use"]
            link["reftitle"] = meaning
            pieces += [nodes.Text(text[end : match.start()]), link]
            end = match.end()
        if pieces:
            text.parent.replace(text, [*pieces, nodes.Text(text[end:])])


def link_page(app, doctree, docname):
    if app.builder.format == "html" and GLOSSARY in app.env.found_docs and app.env.doc2path(docname).endswith(".ipynb"):
        words = meanings(app.env.get_doctree(GLOSSARY))
        link_first_uses(doctree, words, app.builder.get_relative_uri(docname, GLOSSARY))


def setup(app):
    app.connect("doctree-resolved", link_page)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
