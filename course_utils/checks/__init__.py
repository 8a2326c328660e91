"""The checks of the exercises: what stands behind ``check`` and ``hint`` in every exercise notebook.

A task has an id, ``"NN.name"``, and is declared in ``course_utils/checks/chNN_slug.py``, which is imported when the
first task of that chapter is checked. `engine` runs a check, `kinds` has the ways to declare a task, `networks` the
judgements that tasks about Keras models share, `scripts` runs a student's training and keeps what happened in it,
`rendering` the look of a verdict, `unanswered` what a cell says that needs an answer which is not there yet.

How a task is declared
----------------------

Every kind takes ``nudges``, a pair of texts for ``hint`` (a nudge, then a stronger one, neither of them the solution),
and ``why``, which a right answer is told. Texts are plain English in which only `` `code` `` is marked up; a blank
line starts a paragraph.

**A function**, judged by what it returns. ``cases`` are calls that tell mistakes apart, ``right`` is a reference of the
check's own, and each `Mistake` has a *wrong implementation*: the hint appears where the student's function gives
exactly what the wrong one gives, on all cases. ::

    from .kinds import Mistake, call, function, typed

    def _pool_size(size, window, strides=1, *, rounded=math.floor):
        return rounded((size - window) / strides) + 1

    function(
        "03.pool_size",
        "pool_size(size, window, strides=1)",
        cases=[call(7, 2), call(9, 3, strides=2), call(8, 3, strides=2)],
        right=_pool_size,
        mistakes=[
            Mistake("places of the window", lambda size, window, strides: size // strides, hint="..."),
            Mistake("stride ignored", {"strides": 1}, hint="What does a window skip when `strides` is 2?"),
            Mistake("rounded up", {"rounded": math.ceil}, hint="A step that does not fit is not taken."),
        ],
        nudges=("At how many places does the window fit?", "Count the steps from the first place, then add the first."),
        why="The same formula serves convolutions: a pooling window is a kernel without weights.",
    )

A wrong implementation is called by position, with every argument of the task's signature, whatever a case leaves to its
default. A dict is the reference with other arguments, be they the task's or switches of its own. Several make a list.

A failing case is shown so that it can be pasted and run. What takes more than a line is therefore given as the Python
that makes it, ``call(typed("np.arange(30).reshape(5, 6, 1) ** 2 % 11"), 3)``. What the notebook itself asks for next is
a case, ``call([]).in_next_cell()``. Where a function may stop or return None for a reason that this does not tell, the
case has a sentence and a second call, which differs only in that reason: the sentence is told where that one is right,
``call(oblong).told(stopping="Rows and columns?", right_for=call(square))``.

**A value**: a number, text, tuple, list, dict or array. ``wrong`` is a value, or a predicate of the answer. ::

    value(
        "03.vgg16_parameters",
        "the number of parameters of VGG16, an int",
        right=138_357_544,
        mistakes=[
            Mistake("biases forgotten", wrong=138_344_128, hint="Every filter and every unit has a bias as well."),
            Mistake("in millions", wrong=lambda n: 138 <= n <= 139, hint="Give the number itself, not millions."),
        ],
        nudges=(..., ...),
        why="...",
    )

**A prediction** that the student commits to before running anything: every choice has its own feedback, the right one
among them. `estimate` is the same with a number, right between two bounds. ::

    prediction(
        "03.most_weights",
        right="the first dense layer",
        choices={
            "the first convolution": "It has the most output values, but its 3x3x3 weights are shared by all of them.",
            "the first dense layer": "Each of its units has a weight for every value of the last feature map.",
        },
        nudges=(..., ...),
    )
    estimate("06.untrained", "the accuracy of an untrained network", low=0.05, high=0.2, nudges=(..., ...), why="...",
             too_low="Guessing among ten classes is right more often than that.",
             too_high="It has seen no label: what would guessing reach?")

**Anything else**: a judge of your own, which raises `Wrong` (name of the mistake, hint) or returns; a text that it
returns, such as a score, is shown before ``why``. The student's code is called through `run`, so that an exception in
it has its sentence. Everything that goes wrong in a judge becomes a verdict; blanks (``...``, ``None``, a function that
raises NotImplementedError) are dealt with before it is called. ``mistakes`` names what it can raise; the proof asks for
a wrong answer for each. Where lines are chosen by their letters, `letters` is the judge. ::

    @task("06.second_model", "a Keras model", mistakes=("parameters", "does not train"), nudges=(..., ...), why="...")
    def second_model(model):
        networks.is_model(model)
        networks.gives(model, input_shape=(32, 32, 3), output_shape=(10,))
        networks.parameters(model, 550_570, mistakes={549_674: "Batch normalisation has weights too."})
        networks.trains(model, images, labels)
        return f"It has {model.count_params():,} parameters."

`networks` imports Keras only inside its functions; so does a chapter's module.

How a task is proved
--------------------

A mistake that is declared proves itself: its wrong implementation or value, a wrong choice, a number outside the bounds
is given to the judge, and must be told its own hint. One that stops on a case, gives what an earlier one gives, or is
right on all cases fails the proof.

``tests/wrong_answers/chNN_slug.py`` has two dicts for the rest. ``WRONG[task_id]`` lists pairs (answer, name of the
mistake that must be found): what the engine finds by itself, what students write in another way than the declaration,
and an answer for every mistake of which the declaration has no example, which are predicates and the names of a judge
of its own. With the declared ones, a task has at least three. ``RIGHT[task_id]`` lists right answers written in another
way than the solution's. An answer that costs something to make (a model) is a function of no arguments marked with
``@made``. ``tests/test_checks_proof.py`` finds the file by itself; that the solution's answers pass is proved where
solutions are run, by `course validate`. The names that the engine
gives to mistakes of its own: ``blank``, ``stopped`` (an exception), ``wrong type``, ``signature``, ``no return``,
``input changed``, ``changes between calls``, ``float for int``, ``in millions``, ``list for array``, ``constant``,
``percent``, ``whole division``, ``shape``, ``package's own``, ``not a choice``, ``too low``, ``too high``,
``unreadable``, ``Keras 2`` and ``other``. For a prediction, the name is the choice.

Explained in the first task of chapter 03, CNN mathematics.
"""

from .engine import CheckFailed, Verdict, Wrong, check, hint, judge, run, task_ids
from .unanswered import explain_unanswered

__all__ = ["CheckFailed", "Verdict", "Wrong", "check", "hint", "judge", "run", "task_ids"]

explain_unanswered()
