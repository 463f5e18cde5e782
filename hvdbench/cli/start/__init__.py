"""Commands that a newcomer types first."""
