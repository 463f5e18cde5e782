"""A camera's rotation, measured from the frames of a clip."""
