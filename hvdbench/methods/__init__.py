"""Ways of deblurring a clip, and how a network is run over one."""
