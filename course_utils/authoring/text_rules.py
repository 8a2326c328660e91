"""Rules that keep the text of a page and its run together: pictures, glued values, claims."""

import ast
import base64
import io
import re

from .receipts import receipt_of
from .records import alt_template, alternative_text, claims_in, filled, glued_in, names_in
from .typed_numbers import typed_results

SHORTEST_ALT = 40  # characters; "Learning curves of Model 3" says what a figure is, not what is to be seen in it
SMALLEST_PICTURE = 32  # pixels a side

_GLUED = re.compile(r"\{glue:?\w*\}`([^`:]+?)(?::[^`:]*)?`")


def pictures_described(notebook):
    """A cell that shows a picture has alternative text of its own that says what is to be seen."""
    described = {}
    for cell in notebook.code:
        pictures = [mime for output in cell.outputs for mime in output.get("data", {}) if mime.startswith("image/")]
        alt = alternative_text(cell)
        if pictures and len(alt.strip()) < SHORTEST_ALT:
            what = (
                f"the alternative text of its picture is only {alt!r}" if alt else "its picture has no alternative text"
            )
            yield notebook.finding(
                cell,
                what,
                "Say in the metadata, mystnb.image.alt, what a reader who cannot see the picture has to know: "
                f"the axes, the shapes, what is larger than what ({SHORTEST_ALT} characters or more).",
            )
        elif pictures and described.setdefault(alt, cell) is not cell:
            what = f"its alternative text is that of cell {described[alt].id}"
            yield notebook.finding(cell, what, "Say what is to be seen in this picture.")
    for cell in notebook.cells:
        if cell.cell_type == "markdown" and re.search(r"!\[\s*\]\(|<img(?![^>]*\balt=\"[^\"])", cell.source):
            yield notebook.finding(
                cell, "a picture in its text has no alternative text", "Write ![what is seen](file)."
            )


def pictures_show_something(notebook):
    """A stored picture is one: it can be read, has a size that can be seen, and more than one colour."""
    for cell in notebook.code:
        for output in cell.outputs:
            for mime in {"image/png", "image/jpeg"} & set(output.get("data", {})):
                if problem := _blank(output.data[mime]):
                    yield notebook.finding(cell, f"its picture {problem}", f"Run `course execute {notebook.name}`.")


def _blank(data):
    """What keeps a reader from seeing anything in a picture; None where nothing does."""
    from PIL import Image, UnidentifiedImageError

    try:
        picture = Image.open(io.BytesIO(base64.b64decode(data))).convert("RGB")
    except (UnidentifiedImageError, OSError, ValueError):
        return "cannot be read"
    if min(picture.size) < SMALLEST_PICTURE:
        return f"has {picture.width} x {picture.height} pixels"
    return "has one colour" if picture.getcolors(maxcolors=1) else None


def numbers_glued(notebook):
    """A number of a run is glued into the prose, not typed: typed, it is wrong after the next run.

    A setting may be the same number by chance; it is written as code or as a formula.
    """
    if notebook.folder != "exercises" and receipt_of(notebook.content) is None:
        return  # nothing has been run, so nothing is glued; `executed` says so
    glued = glued_in(notebook.content)
    for cell in notebook.cells:
        if cell.cell_type != "markdown":
            continue
        used = set(_GLUED.findall(cell.source))
        for name in sorted(used - set(glued)):
            yield notebook.finding(cell, f"nothing is glued as {name!r}", "Glue it in the cell that computes it.")
        prose = re.sub(r"`[^`]*`|\$[^$]*\$", "", cell.source)
        for name, text in glued.items():
            measured = re.fullmatch(r"\d+\.\d+%?", text) and len(text) > 3
            if measured and re.search(rf"(?<![\d.]){re.escape(text)}(?![\d%])", prose):
                yield notebook.finding(cell, f"{text} is typed", f"Write {{glue:text}}`{name}`.")


def results_not_typed(notebook):
    """No number that looks like a result of the run is typed into the text or into an alternative text."""
    if notebook.folder == "exercises":
        return  # its texts are the solution's
    for cell, number, sentence in typed_results(notebook):
        where = "text" if cell.cell_type == "markdown" else "alternative text"
        yield notebook.finding(
            cell,
            f"{number} is typed into its {where}: {sentence!r}",
            "A result is glued, in an alternative text by a template (course.alt); a setting is written as code or as "
            "a formula, a published number is cited in its sentence.",
        )


def glued_values_used(notebook):
    """A value that is glued by its name stands in a text, and no typed number has taken its place."""
    if notebook.folder == "exercises":
        return
    used = {name for cell in notebook.cells if cell.cell_type == "markdown" for name in _GLUED.findall(cell.source)}
    used |= {name for cell in notebook.code for name in names_in(alt_template(cell) or "")}
    for cell, node, called in notebook.calls():
        if called.rpartition(".")[2] != "glue" or not node.args or not isinstance(node.args[0], ast.Constant):
            continue
        if node.args[0].value not in used:
            what = f"{node.args[0].value!r} is glued, and no text of the page uses it"
            yield notebook.finding(cell, what, "Use it where the number stands, or do not glue it.")


def alternative_texts_filled(notebook):
    """An alternative text with values of the run says what its template and the glued values say."""
    glued = glued_in(notebook.content)
    for cell in notebook.code:
        template = alt_template(cell)
        if template is None:
            continue
        text, unknown = filled(template, glued)
        for name in unknown:
            yield notebook.finding(cell, f"its alternative text uses {name!r}, which nothing glues", "Glue it.")
        if not unknown and text != alternative_text(cell):
            what = "its alternative text is not what its template, course.alt, gives"
            yield notebook.finding(cell, what, f"Change the template, then run `course execute {notebook.name}`.")


def claims_stand_in_the_text(notebook):
    """A claim is a sentence of the page, written out, with a condition from the run, and true in the stored run."""
    texts = [cell.source for cell in notebook.cells if cell.cell_type == "markdown"]
    texts += [alt_template(cell) or alternative_text(cell) for cell in notebook.code]
    page = "\n".join(map(_words, texts))
    recorded = {claim.statement: claim.holds for cell in notebook.code for claim in claims_in(cell.outputs)}
    seen = set()
    for cell, node, name in notebook.calls():
        if name.rpartition(".")[2] != "claim":
            continue
        statement, condition = [*node.args, None, None][:2]
        if condition is None or not isinstance(statement, ast.Constant) or not isinstance(statement.value, str):
            remedy = 'Write one claim for each sentence: claim("width gained more than depth", wide > deep).'
            yield notebook.finding(cell, "a claim whose statement is not written out", remedy)
            continue
        statement = statement.value
        if _words(statement) not in page:
            remedy = "Quote a sentence of a text cell or an alternative text, or a part of it, word for word."
            yield notebook.finding(cell, f"it claims {statement!r}, which no text of the page says", remedy)
        if statement in seen:
            yield notebook.finding(cell, f"{statement!r} is claimed twice", "Claim it once, with both conditions.")
        seen.add(statement)
        if isinstance(condition, ast.Constant) or any(map(_negates_an_order, ast.walk(condition))):
            remedy = "Compare values of the run; write a <= b for not a > b, which is true of NaN."
            yield notebook.finding(cell, f"the condition of {statement!r} is true whatever the run gives", remedy)
        if notebook.folder != "exercises" and not recorded.get(statement):
            what = f"{statement!r} is " + ("false in the stored run" if statement in recorded else "not recorded")
            yield notebook.finding(cell, what, f"Run `course execute {notebook.name}`.")


def _words(source):
    """The words of a text, without its markup; a glued value stands as ``{name}``, as in a template."""
    text = _GLUED.sub(r"{\1}", source)
    text = re.sub(r"\{[\w:+-]+\}`([^`<]*)(<[^`>]*>)?`|!?\[([^\]]*)\]\([^)]*\)", r"\1\3", text)
    return " ".join(re.sub(r"[*_`$\\]", "", text).lower().split()).rstrip(".")


def _negates_an_order(node):
    """``not a > b``"""
    order = (ast.Lt, ast.LtE, ast.Gt, ast.GtE)
    negated = isinstance(node, ast.UnaryOp) and isinstance(node.op, (ast.Not, ast.Invert))
    return negated and any(
        isinstance(operator, order)
        for part in ast.walk(node.operand)
        if isinstance(part, ast.Compare)
        for operator in part.ops
    )
