"""DaDeblur (He et al., ECCV 2024): blur a clip's sharp regions anew like its other frames, and learn from them."""
