"""The ``goldenpart`` command.

Results go to stdout, everything else to stderr. Exit status 0 means done (for ``inspect``: every part passed), 1 that a part did not
pass, 2 an error or a part that was not inspected, 130 an interrupt or SIGTERM.
"""

from goldenpart.client.cli.app import main

__all__ = ["main"]
