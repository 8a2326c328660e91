"""What every notebook of the course keeps to: `RULES`, functions that yield findings about one notebook each."""

import ast
import re

from .cell_code import dotted_name, parse
from .formatting import SETUP_ID, is_canonical
from .private import private_things
from .receipts import receipt_is_fresh, receipt_of, run_is_untouched
from .setup_cell import is_setup_cell, setup_source
from .text_rules import (
    alternative_texts_filled,
    claims_stand_in_the_text,
    glued_values_used,
    numbers_glued,
    pictures_described,
    pictures_show_something,
    results_not_typed,
)

LONGEST_CELL = 40  # lines: a screen
FRAMEWORKS = {"tensorflow", "tf_keras", "jax", "flax", "torch", "torchvision"}
FRAMEWORK_PAGES = ("13_", "14_")  # three frameworks; faster and larger

_IMPORTING = {"__import__", "import_module", "find_spec", "exec", "eval", "run_module", "system", "run_line_magic"}
_OPTIMIZERS = {"SGD", "RMSprop", "Adam", "AdamW", "Adadelta", "Adagrad", "Adamax", "Adafactor", "Nadam", "Ftrl", "Lion"}
_KERAS_2 = {
    "fit_generator": "fit",
    "evaluate_generator": "evaluate",
    "predict_generator": "predict",
    "predict_classes": "predict and argmax",
    "ImageDataGenerator": "keras.layers for augmentation and image_dataset_from_directory for files",
    "early_stopping_rounds": "the EarlyStopping callback",
}
_PROFILE = re.compile(r"^Profile (\w+): |, expected at (?:least|most) \S+ at profile (\w+)$", re.MULTILINE)
_ADDRESS = re.compile(r"\bat 0x[0-9a-fA-F]{6,}")
_BAR = re.compile(r"[━█▏▎▍▌▋▊▉]{2}|\[=+[>\]]|\d ?ms/step|\bETA\b")


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
    """The setup cell stands after the title and is the one that `course format` writes."""
    remedy = "Run `course format`."
    setup = [index for index, cell in enumerate(notebook.cells) if is_setup_cell(cell)]
    if not setup:
        yield notebook.finding(None, "there is no setup cell", remedy)
    elif setup != [1] or notebook.cells[1].id != SETUP_ID:
        yield notebook.finding(notebook.cells[setup[0]], "the setup cell does not stand after the title", remedy)
    elif notebook.cells[1].source != setup_source(notebook.root, notebook.path):
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
    profile = (receipt_of(notebook.content) or {}).get("profile")
    said = {
        found[1] or found[2] for cell in notebook.code for text in _texts(cell) for found in _PROFILE.finditer(text)
    }
    if profile and said - {profile}:
        what = f"its receipt says profile {profile}, its outputs say {', '.join(sorted(said - {profile}))}"
        yield notebook.finding(None, what, remedy)


def backend_neutral(notebook):
    """Code is written for Keras, not for one framework, outside the pages that are about frameworks."""
    if notebook.path.name.startswith(FRAMEWORK_PAGES):
        return
    for cell, tree in notebook.trees:
        for node in ast.walk(tree):
            for module in _imported(node):
                if module.split(".")[0] in FRAMEWORKS:
                    yield notebook.finding(cell, f"it imports {module}", "Use keras and keras.ops, which run on any.")


def _imported(node):
    """The modules that a node imports, by a statement or by a call; ``sys.modules`` and executed texts count too."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        return [node.module or ""]
    texts = []
    if isinstance(node, ast.Call) and dotted_name(node.func).rpartition(".")[2] in _IMPORTING:
        texts = [
            part.value for part in ast.walk(node) if isinstance(part, ast.Constant) and isinstance(part.value, str)
        ]
    elif isinstance(node, ast.Subscript) and dotted_name(node.value) == "sys.modules":
        texts = [node.slice.value] if isinstance(node.slice, ast.Constant) else []
    return [name for text in texts for name in re.findall(r"[A-Za-z_][\w.]*", text)]


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
    layers = _imported_layers(notebook)
    for cell, node, name in notebook.calls():
        last = name.rpartition(".")[2]
        keywords = {keyword.arg for keyword in node.keywords}
        if last in _OPTIMIZERS and keywords & {"lr", "decay"} and ".optim." not in f".{name}":
            yield notebook.finding(cell, f"{last}(lr=...)", "It is learning_rate=, with a schedule for its decay.")
        if (".layers." in f".{name}" or last in layers) and keywords & {"input_shape", "input_dim"}:
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
    """Outputs and code show nothing of the machine, the account or the network that they were made on."""
    for cell in notebook.code:
        for text in _texts(cell):
            for family, found in private_things(text):
                yield notebook.finding(cell, f"its output shows {family}, {found!r}", "Show a name or a relative path.")
            if address := _ADDRESS.search(text):
                remedy = "It is another one in each run: end the last line with a semicolon, or show something else."
                yield notebook.finding(cell, f"its output shows a memory address, {address[0]!r}", remedy)
    for cell, tree in notebook.trees:
        for family, found in (thing for text in _strings(tree) for thing in private_things(text)):
            yield notebook.finding(cell, f"its code names {family}, {found!r}", "Nobody else has it: use `load`.")


def _strings(tree):
    """The texts in a cell's code; of an f-string only its beginning, since "/epoch" behind a number is no path."""
    inner = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values[1:]}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in inner:
            yield node.value


def no_noise(notebook):
    """No warnings and, where no error is meant, no errors are stored; a meant one is named in the text."""
    page = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    for cell in notebook.code:
        meant = "raises-exception" in cell.metadata.get("tags", [])
        for output in cell.outputs:
            if output.output_type == "stream" and output.name == "stderr":
                first = output.text.strip().splitlines()[:1] or [""]
                yield notebook.finding(cell, f"stderr in its output: {first[0][:100]!r}", "Remove what it warns about.")
            if output.output_type == "error" and not meant:
                what = f"it stopped with {output.ename}"
                yield notebook.finding(
                    cell, what, "Correct it, or tag the cell `raises-exception` if that is its point."
                )
            if output.output_type == "error" and meant and output.ename not in page:
                what = f"it stopped with {output.ename}, of which the text says nothing"
                yield notebook.finding(cell, what, "Correct it, or name the error in the text that explains it.")
        if meant and cell.execution_count and not any(output.output_type == "error" for output in cell.outputs):
            yield notebook.finding(cell, "tagged raises-exception, it raises none", "Remove the tag.")


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
    pictures_show_something,
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
    results_not_typed,
    glued_values_used,
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


def _imported_layers(notebook):
    return {
        alias.asname or alias.name
        for _, tree in notebook.trees
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and (node.module or "").endswith("layers")
        for alias in node.names
    }
