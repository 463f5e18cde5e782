"""Models of how a frame blurs: the path within an exposure, re-blurring along it, and alignment of sharp frames."""
