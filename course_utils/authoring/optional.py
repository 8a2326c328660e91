"""A page about a framework goes on where that framework is not installed: the cell says so in a sentence.

`optional` is called once, at the top of such a page. From then on, in IPython, a cell that stops because one of these
modules is missing says "This cell needs PyTorch, which is not installed here." and is no error; nor is a later cell
that needs a name which such a cell would have made. Every other exception is shown as ever.
"""

import ast
import builtins

from ..packages import install_command


def optional(**modules):
    """From now on, cells that need one of these modules are left out, with a sentence, where it is not installed.

    Parameters
    ----------
    **modules : str
        Name of the module, and how people call it: ``torch="PyTorch"``.

    Notes
    -----
    Outside IPython it does nothing. Used in chapter 13, The same networks in three frameworks.

    Examples
    --------
    >>> optional(torch="PyTorch", jax="JAX")
    """
    try:
        from IPython import get_ipython
    except ImportError:
        return
    shell = get_ipython()
    if shell is not None:
        _Page(shell, modules).watch()


class _Page:
    """The cells of a page that were left out, and the names that they would have made."""

    def __init__(self, shell, modules):
        self.shell, self.modules = shell, modules
        self.lacking = {}  # name -> the module for want of which no cell made it
        self.source, self.left_out = "", False

    def watch(self):
        self.shell.events.register("pre_run_cell", self._before)
        self.shell.events.register("post_run_cell", self._after)
        self.shell.set_custom_exc((ModuleNotFoundError, NameError), self._stopped)
        self.source = self.shell.user_ns.get("In", [""])[-1]  # the cell that is running

    def _before(self, info):
        self.source, self.left_out = info.raw_cell, False

    def _after(self, result):
        if self.left_out and result is not None:
            result.error_in_exec = None  # or Jupyter would drop the cells that wait

    def _stopped(self, shell, kind, error, trace, tb_offset=None):
        name = error.name or ""
        module = self.lacking.get(name) if isinstance(error, NameError) else name.partition(".")[0]
        if module not in self.modules:
            shell.showtraceback((kind, error, trace), tb_offset=tb_offset)
            return
        self.left_out = True
        known = {*shell.user_ns, *dir(builtins)}
        self.lacking |= {made: module for made in _made(self.source) if made not in known}
        print(
            f"This cell needs {self.modules[module]}, which is not installed here, and is left out. "
            f"To see it run: {install_command(module)}"
        )


def _made(source):
    """The names that a cell would have made."""
    names = set()
    for part in ast.walk(ast.parse(source)):
        if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store):
            names.add(part.id)
        elif isinstance(part, (ast.FunctionDef, ast.ClassDef)):
            names.add(part.name)
        elif isinstance(part, ast.alias):
            names.add((part.asname or part.name).partition(".")[0])
    return names
