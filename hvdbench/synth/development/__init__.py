"""Turn the light of an exposure into 8-bit frames: sensor, image signal processor, highlights, codec."""
