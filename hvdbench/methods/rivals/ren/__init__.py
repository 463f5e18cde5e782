"""Ren, Qian, Chen: "Video Deblurring by Fitting to Test Data" (arXiv 2012.05228), re-implemented from the paper.

No code was ever published, so every number that this makes is that of a re-implementation.
"""
