"""Where things lie, how files are written whole, how jobs run: what every stage uses and no stage owns."""

from hvdbench.workspace.workspace import Workspace

__all__ = ["Workspace"]
