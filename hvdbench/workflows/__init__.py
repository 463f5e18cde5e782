"""Restoring and scoring, what ``eval`` does, and scoring alone, what ``score`` does."""
