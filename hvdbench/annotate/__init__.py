"""Serve a local page on which people judge of each frame whether it is sharp.

:mod:`~hvdbench.annotate.answers` keeps the CSV of answers, :mod:`~hvdbench.annotate.session` decides which frames are
shown and in which order, :mod:`~hvdbench.annotate.places` follows textured places through a clip, and
:mod:`~hvdbench.annotate.server` serves the page to this machine only.
"""
