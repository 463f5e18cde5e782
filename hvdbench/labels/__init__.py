"""Find which frames of a clip are sharp, and measure how accurate that is."""
