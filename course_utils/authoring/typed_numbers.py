"""Numbers of a run that were typed: into the prose, or into an alternative text.

A number there is taken for a result of the run if it looks measured: it has decimals, an exponent, a percent sign or a
unit of time or memory, or it follows a word such as "falls to". It is none where the page itself says where it comes
from: the number stands in the code of the page, or in an output that is the same in every run (a cell tagged
``nbval-check-output``), or its sentence cites a publication. Formulas and code in the text are settings and examples.
"""

import ast
import re

from .cell_code import dotted_name
from .records import alt_template, alternative_text

# What is no prose: code, formulas, comments, roles (glued values among them), targets of links, sizes like 4x4x64,
# names with a number (Python 3.11, section 4.2).
_NO_PROSE = re.compile(
    r"```.*?```|`+[^`]*`+|\$\$.*?\$\$|\$[^$]*\$|<!--.*?-->|\]\([^)]*\)|https?://\S+"
    r"|\d+(?:\.\d+)?(?:\s?[\u00d7x]\s?\d+(?:\.\d+)?)+|\{[a-z][a-z0-9_]*\}"
    r"|\b(?:[Ss]ections?|[Ff]igures?|[Tt]ables?|[Cc]hapters?|[Vv]ersions?|Python|NumPy|Keras|TensorFlow|PyTorch|JAX|CUDA)"
    r"\s\d+(?:\.\d+)*",
    re.DOTALL,
)
_CITED = re.compile(r"\{cite(:\w+)?\}")
_SENTENCE = re.compile(r"(?<=[.!?;])\s+(?=[^a-z])|\n\s*\n|\n(?=[|:#-])")
_NUMBER = re.compile(
    r"(?<![\w.,-])(?P<number>\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?(?:e[+-]?\d+)?)"
    r"(?P<unit>\s?(?:%|percent\b|(?:milli|micro|nano)?seconds?\b|minutes?\b|hours?\b|ms\b|s\b|min\b|h\b|[kMG]i?B\b))?"
    r"(?![\w-]|[.,]\d)"
)
# What happens to a quantity in a run. "Lowest at 0.1" is a result even where 0.1 is among the rates that were tried.
_MEASURED = re.compile(
    r"\b(?:lowest|highest|best|worst|peaks?|falls?|rises?|climbs?|drops?|ends?|reach(?:es)?|stays?|levels? off|jumps?"
    r"|grows?|shrinks?|gains?|loses?)\b[^.,;:]*\b(?:to|at|near|about|around|below|above|by|between)(?:\s(?:about|nearly))?$"
)
_LARGEST_COUNT = 12  # in an alternative text, "falls to 3 in the last layer" counts something


def typed_results(notebook):
    """Find the numbers of one notebook that look like results and were typed.

    Parameters
    ----------
    notebook : course_utils.authoring.findings.Notebook

    Yields
    ------
    cell : nbformat.NotebookNode
        A text cell, or the cell of the picture.
    number : str
        As it was typed, with its unit.
    words : str
        The sentence around it.
    """
    settings, constant = _settings(notebook), _numbers_of_every_run(notebook)
    for cell in notebook.cells:
        source = cell.source if cell.cell_type == "markdown" else alt_template(cell) or alternative_text(cell)
        for sentence in _SENTENCE.split(source) if cell.cell_type in ("markdown", "code") else ():
            if _CITED.search(sentence):
                continue
            prose = _NO_PROSE.sub(lambda found: " " * len(found[0]), sentence)
            for found in _NUMBER.finditer(prose):
                before = " ".join(prose[: found.start()].split())
                if _is_result(found, before, cell.cell_type == "code", settings, constant):
                    yield cell, found[0].strip(), " ".join(sentence.split())


def _is_result(found, before, in_alt, settings, constant):
    number, unit = found["number"], (found["unit"] or "").strip()
    value, decimals = _value(number), _decimals(number)
    percent = unit in ("%", "percent")
    if any(round(one * (100 if percent else 1), decimals) == value for one in constant):
        return False
    looks_measured = bool("." in number or "e" in number or unit)
    if _MEASURED.search(before) and (looks_measured or (in_alt and value > _LARGEST_COUNT)):
        return True
    # 0.90 is not the 0.9 that stands in the code: nobody types a setting with a zero at its end.
    in_code = decimals <= settings.get(value, -1) or (percent and value / 100 in settings)
    return looks_measured and not in_code


def _settings(notebook):
    """The numbers that are written in the code cells, in texts too, with their decimals.

    What `expect` must reach is a result, and the size of a figure says nothing.
    """
    settings = {}
    for _, tree in notebook.trees:
        skipped = set()
        for node in ast.walk(tree):  # parents come before their children
            if id(node) in skipped or _says_nothing(node):
                skipped |= set(map(id, ast.iter_child_nodes(node)))
            elif isinstance(node, ast.Constant) and isinstance(node.value, (int, float, str)):
                for found in _NUMBER.finditer(str(node.value)):
                    settings[_value(found["number"])] = max(
                        _decimals(found["number"]), settings.get(_value(found["number"]), 0)
                    )
    return settings


def _says_nothing(node):
    if isinstance(node, ast.keyword):
        return node.arg in ("figsize", "alpha")
    return isinstance(node, ast.Call) and dotted_name(node.func).rpartition(".")[2] == "expect"


def _numbers_of_every_run(notebook):
    """The numbers in outputs that validation compares: those of sizes and counts, which are the same in every run."""
    numbers = set()
    for cell in notebook.code:
        if "nbval-check-output" in cell.metadata.get("tags", ()):
            for output in cell.outputs:
                numbers |= _numbers_in(output.get("text", "") + output.get("data", {}).get("text/plain", ""))
    return numbers


def _numbers_in(text):
    return {_value(found["number"]) for found in _NUMBER.finditer(text)}


def _value(number):
    return float(number.replace(",", ""))


def _decimals(number):
    """How many digits stand behind the point; 1e-3 has three."""
    mantissa, _, exponent = number.partition("e")
    return max(0, len(mantissa.partition(".")[2]) - int(exponent or 0))
