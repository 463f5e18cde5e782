"""Services for every stage: where things are, how files are written whole, and how jobs run."""

from hvdbench.workspace.workspace import Workspace

__all__ = ["Workspace"]
