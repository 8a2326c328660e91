"""Which backends of Keras the tests can run a program on, and how."""

from course_utils.backends import BACKENDS, installed
from course_utils.backends import run_on as output_on

INSTALLED = installed()

__all__ = ["BACKENDS", "INSTALLED", "output_on"]
