"""The marks in a solution's code, and the code without what they mark.

How they are used is said in `course_utils.authoring.exercises`.
"""

import ast
import io
import re
import tokenize

from .cell_code import as_python

_BEGIN = re.compile(r"### BEGIN SOLUTION(?:: *(\S.*))?$")
_END = re.compile(r"### END SOLUTION$")
_VALUE = re.compile(r"# SOLUTION(?:: *(\S.*))?$")
# Anything that was meant as one of the three.
_ALIKE = re.compile(r"#\s*(BEGIN\s+|END\s+)?SOLUTIONS?\b")
_RAISE = 'raise NotImplementedError("not answered yet")'


class SolutionError(ValueError):
    """A solution is not marked as this module's description says."""


def holds_mark(text):
    """Say whether something in a text looks like a mark."""
    return bool(_ALIKE.search(text))


def without_answers(source, where):
    """Take the answers out of a cell.

    Parameters
    ----------
    source : str
        The code of a cell.
    where : str
        How error messages call the cell.

    Returns
    -------
    tuple of str and list of str
        The source with gaps, and the lines that were taken.

    Raises
    ------
    SolutionError
        A mark is wrong.

    Examples
    --------
    >>> without_answers("rate = 0.1  # SOLUTION: a tenth", "cell 1")
    ('rate = ...  # TODO: a tenth', ['0.1'])
    """
    marks = _marks(source, where)
    if not marks:
        return source, []
    python = as_python(source)
    lines = source.split("\n")
    result, taken, at, region = [], [], 0, None
    for row, column, comment in marks:
        if begin := _BEGIN.fullmatch(comment):
            if region:
                raise SolutionError(
                    f"{where}, line {row + 1}: BEGIN SOLUTION inside the region of line {region[0] + 1}."
                )
            _alone(lines[row], column, where, row)
            region = row, column, begin[1]
        elif _END.fullmatch(comment):
            if not region:
                raise SolutionError(f"{where}, line {row + 1}: END SOLUTION without a BEGIN SOLUTION before it.")
            _alone(lines[row], column, where, row)
            first, indent, hint = region
            if column != indent:
                raise SolutionError(
                    f"{where}, line {row + 1}: END SOLUTION must be indented like BEGIN SOLUTION in line {first + 1}."
                )
            body = lines[first + 1 : row]
            if not any(line.strip() and not line.strip().startswith("#") for line in body):
                raise SolutionError(f"{where}, line {first + 1}: there is no code in this region.")
            result += [*lines[at:first], " " * indent + f"# TODO: {hint or 'your answer'}", " " * indent + _RAISE]
            taken += body
            at, region = row + 1, None
        else:
            if region:
                raise SolutionError(
                    f"{where}, line {row + 1}: `# SOLUTION` inside the region of line {region[0] + 1}. "
                    "The region goes as a whole: leave one of the two away."
                )
            statement = _assignment(python, row, where)
            first, last = statement.lineno - 1, statement.end_lineno - 1
            hint = _VALUE.fullmatch(comment)[1]
            result += [*lines[at:first], _gap(statement, python) + f"  # TODO: {hint or 'your answer'}"]
            value = ast.get_source_segment(python, statement.value)
            taken += [value] if first == last else lines[first : last + 1]
            at = last + 1
    if region:
        raise SolutionError(f"{where}, line {region[0] + 1}: BEGIN SOLUTION without an END SOLUTION after it.")
    blanked = "\n".join([*result, *lines[at:]])
    try:
        ast.parse(as_python(blanked))
    except SyntaxError as error:
        raise SolutionError(
            f"{where}: without its answers the cell is not Python ({error.msg}). A region holds whole "
            "statements, all of one block."
        ) from error
    return blanked, taken


def _marks(source, where):
    """The marks of a cell: (row, column, comment), rows from 0."""
    if not _ALIKE.search(source):
        return []
    try:
        tokens = list(tokenize.generate_tokens(io.StringIO(as_python(source)).readline))
        ast.parse(as_python(source))
    except (SyntaxError, tokenize.TokenError) as error:
        raise SolutionError(f"{where}: this is not Python, so its answers cannot be found: {error}") from error
    marks = []
    for token in tokens:
        if token.type == tokenize.COMMENT and _ALIKE.search(token.string):
            if not any(pattern.fullmatch(token.string) for pattern in (_BEGIN, _END, _VALUE)):
                raise SolutionError(
                    f"{where}, line {token.start[0]}: {token.string!r} is like a mark, but none. The marks are "
                    "`### BEGIN SOLUTION: hint`, `### END SOLUTION` and `# SOLUTION: hint`."
                )
            marks.append((token.start[0] - 1, token.start[1], token.string))
        elif token.type != tokenize.COMMENT and token.string.strip() and _ALIKE.search(token.string):
            raise SolutionError(f"{where}, line {token.start[0]}: a mark inside a text, where it marks nothing.")
    return marks


def _alone(line, column, where, row):
    if line[:column].strip():
        raise SolutionError(f"{where}, line {row + 1}: this mark stands on a line of its own.")


def _assignment(python, row, where):
    """The assignment that a `# SOLUTION` comment belongs to."""
    statements = [node for node in ast.walk(ast.parse(python)) if isinstance(node, ast.stmt)]
    here = [node for node in statements if row + 1 in (node.lineno, node.end_lineno)]
    simple = [node for node in here if isinstance(node, ast.Assign) or (isinstance(node, ast.AnnAssign) and node.value)]
    alone = len(simple) == 1 and all(node is simple[0] or hasattr(node, "body") for node in here)
    if not alone or python.split("\n")[simple[0].lineno - 1][: simple[0].col_offset].strip():
        raise SolutionError(
            f"{where}, line {row + 1}: `# SOLUTION` stands at the first or last line of one assignment, "
            "`name = value`. For anything else use ### BEGIN SOLUTION and ### END SOLUTION."
        )
    return simple[0]


def _gap(statement, python):
    def blank(target, inner=False):
        if not isinstance(target, (ast.Tuple, ast.List)):
            return "..."
        values = ", ".join(blank(element, inner=True) for element in target.elts) + "," * (len(target.elts) == 1)
        return f"({values})" if inner else values

    indent = " " * statement.col_offset
    if isinstance(statement, ast.AnnAssign):
        annotated = [ast.get_source_segment(python, node) for node in (statement.target, statement.annotation)]
        return f"{indent}{': '.join(annotated)} = ..."
    targets = [ast.get_source_segment(python, target) for target in statement.targets]
    return indent + " = ".join([*targets, blank(statement.targets[0])])
