"""Read films and folders of frames through one door, and write films."""
