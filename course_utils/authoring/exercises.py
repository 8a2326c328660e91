'''Exercises made from solutions: the same notebook with the answers taken out.

``solutions/NN_slug.ipynb`` is written by hand; ``exercises/NN_slug.ipynb`` is what `generate` makes of it, byte for
byte the same each time.

How to write a solution
-----------------------

**A function to complete.** Mark the lines that are the answer, at the indentation of the code around them. Text after
the colon is the nudge; leave it away where the docstring says all. ::

    def output_size(size, kernel_size):
        """Return the number of places where the kernel fits."""
        ### BEGIN SOLUTION: how far can the kernel move?
        return size - kernel_size + 1
        ### END SOLUTION

becomes ::

    def output_size(size, kernel_size):
        """Return the number of places where the kernel fits."""
        # TODO: how far can the kernel move?
        raise NotImplementedError("not answered yet")

**A value, or a prediction.** One assignment, of any length; the comment stands on its first or on its last line. ::

    weights = 5 * 5 * 3 * 16 + 16  # SOLUTION: weights of the layer
    model = keras.Sequential(  # SOLUTION: conv 32, pool, dense 10
        [...]
    )

becomes ::

    weights = ...  # TODO: weights of the layer
    model = ...  # TODO: conv 32, pool, dense 10

**An explanation of the answer.** A cell, of code or text, tagged ``solution``: the exercise does not have it. Marks are
for code cells; a text that gives the answer away is a cell of its own with that tag.

**The figure that the answer should produce.** Tag the cell ``keep-output``: the exercise keeps its pictures (and their
alternative text, which must not tell the answer), nothing else of its outputs.

**The title.** "Solution" in the first line of the notebook becomes "Exercise".

What a blank exercise may do
----------------------------

Run from top to bottom, it raises nothing but NotImplementedError. What follows from that:

1. A region stands inside a function where it can: the cell that defines it then always runs, and ``check`` gets a
   function that says "not answered yet". At the top level of a cell, use the one-assignment form; a region there stops
   the cell, and with it the ``check`` below.
2. ``check("03.task", answer)`` stands in the cell of the task, or in one of its own, and accepts ``...``.
3. A cell that is given, and uses an answer, says so in its first line: ``needs("model", "history")``, with the names
   as texts. It raises NotImplementedError while one of them does not exist or is ``...``, and does nothing in the
   solution. It is needed

   - where a name was given the value ``...``: ``model = ...  # TODO`` here, ``model.fit(...)`` below;
   - where a name is made in a cell that cannot finish: ``history = train(build_model())`` here,
     ``check("06.accuracy", history)`` in the next cell.

   It is not needed where the cell calls the student's *function*: the call itself raises NotImplementedError. So keep
   in one cell what hangs together: build, train, check.
4. No answer is used where it is not caught: not as a default argument, a decorator or a base class of a given cell.

`course_utils.authoring.execution.errors_when_blank` runs an exercise blank and says which cell breaks this.
'''
