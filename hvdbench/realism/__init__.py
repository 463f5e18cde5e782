"""How real a simulated clip is: the same statistics, measured from frames, of simulated and of real clips."""
