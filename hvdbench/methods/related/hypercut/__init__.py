"""HyperCUT (Pham et al., CVPR 2023): the order of frames, learned, and sequences from one blurry picture with it."""
