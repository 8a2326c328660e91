"""The checks of the exercises: what stands behind ``check`` and ``hint`` in every exercise notebook.

A task has an id, ``"NN.name"``, and is declared in ``course_utils/checks/chNN_slug.py``, which is imported when the
first task of that chapter is checked. `engine` runs a check, `kinds` has the ways to declare a task, `networks` the
judgements that tasks about Keras models share, `scripts` runs a student's training and keeps what happened in it,
`rendering` the look of a verdict.

How a task is declared
----------------------

Every kind takes ``nudges``, a pair of texts for ``hint`` (a nudge, then a stronger one, neither of them the solution),
and ``why``, which a right answer is told. Texts are plain English in which only `` `code` `` is marked up; a blank
line starts a paragraph.

**A function**, judged by what it returns. ``cases`` are calls that tell mistakes apart, ``right`` is a reference of the
check's own, and each `Mistake` has a *wrong implementation*: the hint appears where the student's function gives
exactly what the wrong one gives, on all cases. ::

    from .kinds import Mistake, call, function

    function(
        "03.pool_size",
        "pool_size(size, window, strides)",
        cases=[call(7, 2, 2), call(9, 3, 1), call(8, 3, strides=2)],
        right=lambda size, window, strides: (size - window) // strides + 1,
        mistakes=[
            Mistake(
                "stride ignored",
                wrong=lambda size, window, strides: size - window + 1,
                hint="Your sizes are those at a stride of 1. How many places does a window skip when `strides` is 2?",
            ),
        ],
        nudges=("At how many places does the window fit?", "Count the steps from the first place, then add the first."),
        why="The same formula serves convolutions: a pooling window is a kernel without weights.",
    )

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
a wrong answer for each. ::

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

``tests/wrong_answers/chNN_slug.py`` has two dicts. ``WRONG[task_id]`` lists at least three pairs (answer, name of the
mistake that must be found), among them one for every `Mistake` of the task; ``RIGHT[task_id]`` lists right answers
written in another way than the solution's. An answer that costs something to make (a model) is a function of no
arguments marked with ``@made``. ``tests/test_checks_proof.py`` finds the file by itself. The names that the engine
gives to mistakes of its own: ``blank``, ``stopped`` (an exception), ``wrong type``, ``signature``, ``no return``,
``input changed``, ``changes between calls``, ``float for int``, ``in millions``, ``list for array``, ``constant``,
``percent``, ``whole division``, ``shape``, ``package's own``, ``not a choice``, ``too low``, ``too high``,
``unreadable`` and ``other``. For a prediction, the name is the choice.

Explained in the first task of chapter 03, CNN mathematics.
"""

from .engine import CheckFailed, Verdict, Wrong, check, hint, judge, run, task_ids
from .unanswered import explain_unanswered

__all__ = ["CheckFailed", "Verdict", "Wrong", "check", "hint", "judge", "run", "task_ids"]

explain_unanswered()
