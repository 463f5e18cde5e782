"""Score deblurred frames in the ways of papers and repositories, each under a name.

A number without its protocol says nothing: on one pair of frames they differ by tenths of a dB and hundredths of SSIM,
on the Y channel by more than a dB. ``docs/protocol.md`` says what each does and where that comes from.
"""
