"""From the light of an exposure to 8-bit frames: sensor, image signal processor, highlights, codec."""
