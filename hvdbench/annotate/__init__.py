"""A local page on which people say of each frame whether it is sharp.

:mod:`~hvdbench.annotate.answers` keeps the CSV of answers, :mod:`~hvdbench.annotate.session` says what is asked and in
which order, :mod:`~hvdbench.annotate.places` follows textured places through a clip, and
:mod:`~hvdbench.annotate.server` serves the page to this machine alone.
"""
