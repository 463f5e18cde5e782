"""Networks: plain torch modules, without files, losses or devices, under the parameter names of official weights."""
