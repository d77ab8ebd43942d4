"""The fixtures of the system tests serve dialogues too."""
from tests.system.conftest import *  # noqa: F401,F403
