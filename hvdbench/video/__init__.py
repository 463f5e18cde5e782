"""Films and folders of frames, read and written through one door."""
