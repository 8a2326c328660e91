"""What every notebook of the course keeps to: `RULES`, functions that yield findings about one notebook each."""

import ast
import re

from .cell_code import parse
from .formatting import SETUP_ID, is_canonical
from .receipts import receipt_is_fresh, receipt_of, run_is_untouched
from .records import alt_template, alternative_text, claims_in, filled, glued_in
from .setup_cell import is_setup_cell, setup_source
from .typed_numbers import typed_results

SHORTEST_ALT = 40  # characters; "Learning curves of Model 3" says what a figure is, not what is to be seen in it
LONGEST_CELL = 40  # lines: a screen
FRAMEWORKS = {"tensorflow", "tf_keras", "jax", "flax", "torch", "torchvision"}
FRAMEWORK_PAGES = ("13_", "14_")  # three frameworks; faster and larger

_OPTIMIZERS = {"SGD", "RMSprop", "Adam", "AdamW", "Adadelta", "Adagrad", "Adamax", "Adafactor", "Nadam", "Ftrl", "Lion"}
_KERAS_2 = {
    "fit_generator": "fit",
    "evaluate_generator": "evaluate",
    "predict_generator": "predict",
    "predict_classes": "predict and argmax",
    "ImageDataGenerator": "keras.layers for augmentation and image_dataset_from_directory for files",
    "early_stopping_rounds": "the EarlyStopping callback",
}
_PRIVATE_PATH = re.compile(
    r"(?<![\w.])/(home|Users|root|tmp|var|opt|usr|mnt|private|content|work|workspace|github)/[\w.-]+"
    r"|\b[A-Za-z]:\\+(Users|Documents)|site-packages|dist-packages"
)
_ADDRESS = re.compile(r"\bat 0x[0-9a-fA-F]{6,}")
_BAR = re.compile(r"[━█▏▎▍▌▋▊▉]{2}|\[=+[>\]]|\d+/\d+ .*\bms/step|\bETA\b")


def canonical(notebook):
    """The file is in canonical form."""
    if not is_canonical(notebook.path):
        yield notebook.finding(None, "it is not in canonical form", "Run `course format`.")


def readable_ids(notebook):
    """Cell ids are there, different and readable, so that they stay."""
    seen = set()
    for number, cell in enumerate(notebook.cells):
        name = cell.get("id", "")
        problem = None
        if not re.fullmatch(r"[A-Za-z0-9_-]{1,64}", name):
            problem = f"cell {number} has no valid id"
        elif name in seen:
            problem = "another cell has the same id"
        elif re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f-]{27})?", name):
            problem = "its id is a random number"
        if problem:
            yield notebook.finding(cell, problem, "Run `course format`, or give it a name that says what it does.")
        seen.add(name)


def title_first(notebook):
    """The first cell is the title, and the only one."""
    first = notebook.cells[0] if notebook.cells else None
    if first is None or first.cell_type != "markdown" or not first.source.startswith("# "):
        yield notebook.finding(first, "the first cell has no title", "Begin the notebook with a text cell, `# Title`.")
    for cell in notebook.cells[1:]:
        if cell.cell_type == "markdown" and re.search(
            r"^# ", re.sub(r"```.*?```", "", cell.source, flags=re.DOTALL), re.M
        ):
            yield notebook.finding(cell, "a second title", "A page has one; sections begin with `## `.")


def setup_cell_current(notebook):
    """The setup cell stands after the title and has the address of _config.yml."""
    remedy = "Run `course format`."
    setup = [index for index, cell in enumerate(notebook.cells) if is_setup_cell(cell)]
    if not setup:
        yield notebook.finding(None, "there is no setup cell", remedy)
    elif setup != [1] or notebook.cells[1].id != SETUP_ID:
        yield notebook.finding(notebook.cells[setup[0]], "the setup cell does not stand after the title", remedy)
    elif notebook.cells[1].source != setup_source(notebook.root):
        yield notebook.finding(notebook.cells[1], "the setup cell is not the current one", remedy)


def is_python(notebook):
    """Code cells are Python, magic lines aside."""
    for cell in notebook.code:
        try:
            parse(cell.source)
        except SyntaxError as error:
            yield notebook.finding(cell, f"line {error.lineno} is not Python: {error.msg}", "Correct it.")


def executed(notebook):
    """Chapters and solutions are stored as they were run, each cell once, from top to bottom; exercises blank."""
    if notebook.folder == "exercises":
        if receipt_of(notebook.content):
            yield notebook.finding(None, "an exercise with a receipt", "Run `course exercises`.")
        for cell in notebook.code:
            if cell.execution_count is not None:
                yield notebook.finding(cell, "an exercise that was run", "Run `course exercises`.")
        return
    remedy = f"Run `course execute {notebook.name}`."
    counts = [cell.execution_count for cell in notebook.cells if cell.cell_type == "code"]
    for cell in notebook.code:
        if cell.execution_count is None:
            yield notebook.finding(cell, "it was not run", remedy)
    if None not in counts and counts != list(range(1, len(counts) + 1)):
        yield notebook.finding(None, "its cells were not run once each, from top to bottom", remedy)
    if receipt_of(notebook.content) is None:
        yield notebook.finding(None, "it has no receipt", remedy)
    elif not receipt_is_fresh(notebook.content):
        yield notebook.finding(None, "its code has changed since its outputs were made", remedy)
    elif not run_is_untouched(notebook.content):
        what = "its outputs, an alternative text that its run filled, or its receipt were changed since the run"
        yield notebook.finding(None, what, remedy)


def pictures_described(notebook):
    """A cell that shows a picture has alternative text that says what is to be seen."""
    for cell in notebook.code:
        pictures = [mime for output in cell.outputs for mime in output.get("data", {}) if mime.startswith("image/")]
        alt = cell.metadata.get("mystnb", {}).get("image", {}).get("alt", "")
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
    for cell in notebook.cells:
        if cell.cell_type == "markdown" and re.search(r"!\[\s*\]\(|<img(?![^>]*\balt=\"[^\"])", cell.source):
            yield notebook.finding(
                cell, "a picture in its text has no alternative text", "Write ![what is seen](file)."
            )


def backend_neutral(notebook):
    """Code is written for Keras, not for one framework, outside the pages that are about frameworks."""
    if notebook.path.name.startswith(FRAMEWORK_PAGES):
        return
    for cell, tree in notebook.trees:
        for node in ast.walk(tree):
            modules = []
            if isinstance(node, ast.Import):
                modules = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                modules = [node.module or ""]
            for module in modules:
                if module.split(".")[0] in FRAMEWORKS:
                    yield notebook.finding(cell, f"it imports {module}", "Use keras and keras.ops, which run on any.")


def no_progress_bars(notebook):
    """Keras' progress bars are off: stored, they are pages of noise."""
    remedy = "Pass verbose=0 or verbose=2, or use the course's one-line progress."
    for cell, node, name in notebook.calls():
        for keyword in node.keywords:
            shows = isinstance(keyword.value, ast.Constant) and keyword.value.value in (1, "auto")
            if keyword.arg == "verbose" and shows:
                yield notebook.finding(cell, f"{name or 'a call'}(verbose={keyword.value.value!r})", remedy)
    for cell in notebook.code:
        if any(_BAR.search(line) or "\b" in line for text in _texts(cell) for line in text.splitlines()):
            yield notebook.finding(cell, "a progress bar in its output", remedy)


def keras_3(notebook):
    """No idioms of Keras 2, which Keras 3 refuses or warns about."""
    for cell, node, name in notebook.calls():
        last = name.rpartition(".")[2]
        keywords = {keyword.arg for keyword in node.keywords}
        if last in _OPTIMIZERS and keywords & {"lr", "decay"} and ".optim." not in f".{name}":
            yield notebook.finding(cell, f"{last}(lr=...)", "It is learning_rate=, with a schedule for its decay.")
        if (".layers." in f".{name}" or last in _imported_layers(notebook)) and keywords & {"input_shape", "input_dim"}:
            yield notebook.finding(cell, f"{last}(input_shape=...)", "Begin the model with keras.Input(shape=...).")
        for old in ({last} | keywords) & set(_KERAS_2):
            yield notebook.finding(cell, f"{old} is not in Keras 3", f"Use {_KERAS_2[old]}.")
        if last in ("save", "load_model", "save_model") and node.args:
            argument = node.args[-1 if last == "save_model" else 0]
            if isinstance(argument, ast.Constant) and str(argument.value).endswith((".h5", ".hdf5")):
                yield notebook.finding(cell, "a model in an .h5 file", "Save it as .keras.")


def text_between_code(notebook):
    """A paragraph stands between two code cells."""
    spoken, before = True, None
    for cell in notebook.cells:
        if is_setup_cell(cell):
            continue
        if cell.cell_type == "markdown":
            spoken = spoken or any(line.strip() and not line.startswith("#") for line in cell.source.splitlines())
        elif cell.cell_type == "code":
            if before is not None and not spoken:
                yield notebook.finding(
                    cell,
                    f"no paragraph stands between it and {before}",
                    "Say what the reader has just seen, or why the next step follows.",
                )
            spoken, before = False, cell.get("id", "?")


def cells_fit_a_screen(notebook):
    """A code cell is no longer than a screen."""
    for cell in notebook.code:
        lines = len(cell.source.splitlines())
        if lines > LONGEST_CELL:
            remedy = "Divide it, or move what is not being taught into the package."
            yield notebook.finding(cell, f"it has {lines} lines, more than {LONGEST_CELL}", remedy)


def nothing_private(notebook):
    """Outputs show nothing of the machine that they were made on."""
    for cell in notebook.code:
        for text in _texts(cell):
            if path := _PRIVATE_PATH.search(text):
                yield notebook.finding(cell, f"its output shows {path[0]!r}", "Show a name or a relative path.")
            if address := _ADDRESS.search(text):
                remedy = "It is another one in each run: end the last line with a semicolon, or show something else."
                yield notebook.finding(cell, f"its output shows a memory address, {address[0]!r}", remedy)


def no_noise(notebook):
    """No warnings and, where no error is meant, no errors are stored."""
    for cell in notebook.code:
        for output in cell.outputs:
            if output.output_type == "stream" and output.name == "stderr":
                first = output.text.strip().splitlines()[:1] or [""]
                yield notebook.finding(cell, f"stderr in its output: {first[0][:100]!r}", "Remove what it warns about.")
            if output.output_type == "error" and "raises-exception" not in cell.metadata.get("tags", []):
                what = f"it stopped with {output.ename}"
                yield notebook.finding(
                    cell, what, "Correct it, or tag the cell `raises-exception` if that is its point."
                )


def numbers_glued(notebook):
    """A number of a run is glued into the prose, not typed: typed, it is wrong after the next run."""
    if notebook.folder != "exercises" and receipt_of(notebook.content) is None:
        return  # nothing has been run, so nothing is glued; `executed` says so
    glued = glued_in(notebook.content)
    for cell in notebook.cells:
        if cell.cell_type != "markdown":
            continue
        used = set(re.findall(r"\{glue:?\w*\}`([^`:]+?)(?::[^`:]*)?`", cell.source))
        for name in sorted(used - set(glued)):
            yield notebook.finding(cell, f"nothing is glued as {name!r}", "Glue it in the cell that computes it.")
        for name, text in glued.items():
            measured = re.fullmatch(r"\d+\.\d+%?", text) and len(text) > 3
            if measured and re.search(rf"(?<![\d.]){re.escape(text)}(?![\d%])", cell.source):
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


def compared_outputs(notebook):
    """A cell whose output validation compares has one, in words: pictures differ between versions."""
    for cell in notebook.code:
        if "nbval-check-output" not in cell.metadata.get("tags", []) or cell.execution_count is None:
            continue
        mimes = {mime for output in cell.outputs for mime in output.get("data", {"text": ""})}
        if not mimes or any(mime.startswith("image/") for mime in mimes):
            what = "tagged nbval-check-output, it shows " + ("a picture" if mimes else "nothing")
            yield notebook.finding(cell, what, "Compare a shape, a count or a text, or remove the tag.")


RULES = (
    canonical,
    readable_ids,
    title_first,
    setup_cell_current,
    is_python,
    executed,
    pictures_described,
    backend_neutral,
    no_progress_bars,
    keras_3,
    text_between_code,
    cells_fit_a_screen,
    nothing_private,
    no_noise,
    numbers_glued,
    alternative_texts_filled,
    claims_stand_in_the_text,
    compared_outputs,
)


def _texts(cell):
    """What the outputs of a cell say, as text."""
    for output in cell.outputs:
        if output.output_type == "stream":
            yield output.text
        elif output.output_type == "error":
            yield "\n".join(output.traceback)
        for mime, value in output.get("data", {}).items():
            if not mime.startswith("image/"):
                yield value if isinstance(value, str) else str(value)


def _words(source):
    """The words of a text, without its markup; a glued value stands as ``{name}``, as in a template."""
    text = re.sub(r"\{glue:?\w*\}`([^`:]+)[^`]*`", r"{\1}", source)
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


def _imported_layers(notebook):
    return {
        alias.asname or alias.name
        for _, tree in notebook.trees
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and (node.module or "").endswith("layers")
        for alias in node.names
    }
