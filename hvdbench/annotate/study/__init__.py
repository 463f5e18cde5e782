"""Ask people, blind, which of two restored crops is better.

:mod:`~hvdbench.annotate.study.design` defines what a study on disk consists of,
:mod:`~hvdbench.annotate.study.drawing` draws its questions, :mod:`~hvdbench.annotate.study.votes` keeps the votes,
:mod:`~hvdbench.annotate.study.ballot` decides what one voter sees on which side,
:mod:`~hvdbench.annotate.study.server` serves the page to this machine only, and
:mod:`~hvdbench.annotate.study.results` counts.
"""
