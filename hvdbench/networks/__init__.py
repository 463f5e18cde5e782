"""Networks: torch modules only, without files, losses or devices, under the parameter names of official weights."""
