"""Measure how real a simulated clip is, by the same statistics of the frames of simulated and of real clips."""
