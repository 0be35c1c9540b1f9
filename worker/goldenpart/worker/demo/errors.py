"""What can go wrong in the demo beside what its parts raise themselves.

LineDemoError
├── BrokerInUseError      the broker that was named already serves another line
└── WorkerProcessError    the worker did not start, crashed, or did not end as it should
"""


class LineDemoError(RuntimeError):
    """Is raised for everything that the demo itself finds wrong."""


class BrokerInUseError(LineDemoError):
    """Frames of somebody else wait in the inspect queue, or another worker takes them."""


class WorkerProcessError(LineDemoError):
    """The worker did not take frames in time, crashed, or did not end with status 0."""
