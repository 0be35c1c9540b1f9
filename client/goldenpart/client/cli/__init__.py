"""The ``goldenpart`` command.

Results go to stdout, everything else to stderr. Exit status 0 means done (for ``inspect``: every part passed), 1 that a part did not
pass or a gate holds the new revision back, 2 an error or a part that was not inspected, 130 an interrupt or SIGTERM, 141 that nobody reads
the output any more.
"""

from goldenpart.client.cli.app import main

__all__ = ["main"]
