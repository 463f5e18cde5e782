"""Find which frames of a clip are sharp, and how right that is."""
