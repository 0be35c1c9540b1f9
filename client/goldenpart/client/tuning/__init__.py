"""Finding knobs for a category on labelled images: settings, successive halving, trade-offs. ``goldenpart tune`` on the command line.

What computes figures needs the extra ``goldenpart[evaluation]``.
"""
