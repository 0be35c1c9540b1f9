"""Evaluation of categories on labelled data: datasets, protocol, metrics, runs, tables. ``goldenpart evaluate`` on the command line.

What computes figures needs the extra ``goldenpart[evaluation]``; the result types need nothing.
"""
