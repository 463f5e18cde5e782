"""Open sharp scenes for a shaken camera: embedded photographs, GoPro's 240 fps clips, any folder of frames."""
