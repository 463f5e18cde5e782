"""Rebuild methods that are neither rivals of SelfHVD nor networks of its table; see docs/related.md."""
