"""Make blurry clips with exact truth, as a shaken, stabilised camera would take them of a sharp scene."""
