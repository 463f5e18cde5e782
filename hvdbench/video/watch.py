"""Watch for changes within a video that the facts of its first frame cannot show."""

from fractions import Fraction

from av.video.frame import VideoFrame

_SQUARE = Fraction(1)


class FrameWatch:
    """Look at each decoded frame for what a user must know, and write it down at the end."""

    def __init__(self) -> None:
        self._count = self._damaged = self._interlaced = 0
        self._colour: tuple[int, ...] = ()
        self._other_colour: int | None = None
        self._aspects: list[Fraction] = []

    def see(self, frame: VideoFrame, aspect: Fraction | None) -> None:
        """Look at the next decoded frame.

        Args:
            frame: as decoded.
            aspect: width over height of a pixel, as the decoder states it by now.
        """
        self._damaged += frame.is_corrupt
        self._interlaced += frame.interlaced_frame
        colour = (frame.color_trc, frame.color_primaries, frame.colorspace, frame.color_range)
        self._colour = self._colour or colour
        if colour != self._colour and self._other_colour is None:
            self._other_colour = self._count
        shape = aspect or _SQUARE
        if shape not in self._aspects:
            self._aspects.append(shape)
        self._count += 1

    def notes(self) -> list[str]:
        """Write what a user must know of the frames so far."""
        notes = []
        if self._damaged:
            notes.append(f"the decoder marks {self._damaged} of {self._count} frames as damaged")
        if self._interlaced:
            notes.append(
                f"{self._interlaced} of {self._count} frames are interlaced: two half pictures of different times make "
                "a comb, which counts as sharpness"
            )
        if self._other_colour is not None:
            notes.append(
                f"it states other colours from frame {self._other_colour} on, and a tone map is chosen by the first "
                "frame: cut the clip there first"
            )
        if len(self._aspects) > 1:
            shapes = ", then ".join(f"{one.numerator}:{one.denominator}" for one in self._aspects)
            notes.append(f"its pixels change their shape part-way ({shapes}), and all were read as those of the first")
        return notes
