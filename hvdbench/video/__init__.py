"""Read videos and folders of frames through one door, and write videos."""
