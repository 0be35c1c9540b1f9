"""What can go wrong in an evaluation, besides the client's own errors.

EvaluationError
├── DatasetLayoutError   the folder is no dataset that is known here
├── LeakError            test images are among those that the model learns from
├── NotEvaluableError    one run cannot be: too few golden parts or good images; the others go on
└── MissingExtraError    goldenpart[evaluation] is not installed
"""


class EvaluationError(ValueError):
    """An evaluation cannot be made; the message names value, limit and way out."""


class DatasetLayoutError(EvaluationError):
    """The folder is no dataset that is known here."""


class LeakError(EvaluationError):
    """Test images are among those that the model learns from."""


class NotEvaluableError(EvaluationError):
    """One run cannot be; the others go on."""


class MissingExtraError(EvaluationError):
    """A package of ``goldenpart[evaluation]`` is missing."""
