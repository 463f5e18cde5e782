"""Turn frames into the numbers of a board: tables of frames, one row per clip, one row over the clips.

``docs/protocol.md`` defines the protocol; whatever changes a number here changes :data:`PROTOCOL`. Frames are read one
at a time, so that memory does not grow with a clip's length.
"""
