"""The functions of ``import hvdbench``: doors of plain values to the workflows behind the commands.

:mod:`hvdbench` imports them when they are first used.
"""
