"""The functions of ``import hvdbench``, which call the workflows behind the commands with plain values.

:mod:`hvdbench` imports them when they are first used.
"""
