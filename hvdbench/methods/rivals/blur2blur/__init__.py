"""Blur2Blur (Pham et al., CVPR 2024; arXiv:2403.16205): an unknown blur is translated to one that can be removed."""
