"""Run networks over clips: plans by memory, tiles, windows, streams."""
