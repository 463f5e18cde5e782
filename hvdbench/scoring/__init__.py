"""From frames to the numbers of a board: tables of frames, one row a clip, one row over the clips.

The protocol is ``docs/protocol.md``; whatever changes a number here changes :data:`PROTOCOL`. Frames are read one at a
time: memory does not grow with a clip's length.
"""
