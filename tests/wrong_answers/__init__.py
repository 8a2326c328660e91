"""Answers that students could give, by chapter: the wrong ones with the mistake that must be found, and right ones.

How a file here is written stands in the docstring of `course_utils.checks`.
"""


def made(make):
    """Mark a function that makes an answer (a model, say), so that it is called and not passed on itself."""
    make.makes_an_answer = True
    return make
