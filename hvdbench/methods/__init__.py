"""Methods that deblur a clip, and how a network is run over one."""
