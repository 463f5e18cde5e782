"""CDVD-TSP as a whole method: cascaded stages, a temporal sharpness prior, and flow that is trained with them."""
