"""Blurry clips with exact truth: what a shaken, stabilised camera makes of a sharp scene."""
