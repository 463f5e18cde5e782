"""The method that is fitted to a single clip: its candidates, fusion network and fit."""
