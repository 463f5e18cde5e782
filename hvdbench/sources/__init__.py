"""Sharp scenes that a shaken camera looks at: embedded photographs, GoPro's 240 fps clips, any folder of frames."""
