"""Read inputs that lie in object storage or behind another URL; this is the only door to them.

:mod:`~hvdbench.workspace.objects.location` reads and shows addresses, :mod:`~hvdbench.workspace.objects.door` asks the
server and counts what that costs, and :mod:`~hvdbench.workspace.objects.copies` keeps whole copies on the local disk.
"""

from hvdbench.workspace.objects.copies import local_copy
from hvdbench.workspace.objects.location import Location, Place, is_url, place_of, without_secrets

__all__ = ["Location", "Place", "is_url", "local_copy", "place_of", "without_secrets"]
