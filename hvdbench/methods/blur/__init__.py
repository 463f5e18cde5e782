"""How a frame blurs: the camera's path within an exposure, re-blurring along it, and alignment of sharp frames."""
