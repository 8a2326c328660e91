"""A sentence in place of a traceback where ``check("03.size", conv_size)`` is run before ``conv_size`` exists.

Python looks the name up before `check` is called, so only IPython, which shows the error, can say it better. It stays
an error, of the same type: the cell fails as before.
"""

import linecache


def explain_missing_names():
    """From now on, a NameError in a cell that calls ``check`` has its sentence. Does nothing outside IPython.

    Not one in a function of the student's, which has a line worth showing.
    """
    try:
        from IPython import get_ipython
    except ImportError:
        return
    shell = get_ipython()
    if shell is None or shell.custom_exceptions:  # somebody else, Colab say, has a handler of their own: leave it
        return
    shell.set_custom_exc((NameError,), _handle)


def _handle(shell, kind, error, trace, tb_offset=None):
    last = trace
    while last.tb_next is not None:
        last = last.tb_next
    code = last.tb_frame.f_code
    name = getattr(error, "name", None)
    if name and code.co_name == "<module>" and "check(" in "".join(linecache.getlines(code.co_filename)):
        sentence = missing_name(name)
        error._render_traceback_ = lambda: [sentence]  # IPython asks an exception for its own rendering
    shell.showtraceback((kind, error, trace), tb_offset=tb_offset)


def missing_name(name):
    """The sentence for a name that a cell with a check does not find."""
    return (
        f"There is no {name} yet. If another cell defines it, run that one first, and then this one again. If you "
        "mean a "
        f'text, put it in quotes: "{name}". If neither, is the name spelt as the task spells it?'
    )
