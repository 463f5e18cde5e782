"""The ways in which papers and repositories score deblurred frames, each under a name.

A number without its protocol is none: on one pair of frames they differ by tenths of a dB and hundredths of SSIM, on
the Y channel by more than a dB. ``docs/protocol.md`` says what each does and where that comes from.
"""
