"""Watch for changes within a video that the facts of its first frame cannot show."""

from fractions import Fraction

from av.video.frame import VideoFrame

from hvdbench.video.colour.stated import Colour, colour_of
from hvdbench.video.facts import colour_notes
from hvdbench.video.upright import Upright, upright_of

_SQUARE = Fraction(1)


class FrameWatch:
    """Look at each decoded frame for what a user must know, and write it down at the end.

    Args:
        codec: the decoder's name.
        deinterlace: whether interlaced frames are made whole.
    """

    def __init__(self, codec: str = "", *, deinterlace: bool = False) -> None:
        self._codec, self._deinterlace = codec, deinterlace
        self._count = self._damaged = self._interlaced = 0
        self._colours: dict[Colour, int] = {}  # with the first frame of each
        self._uprights: dict[Upright, int] = {}
        self._aspects: list[Fraction] = []

    def see(self, frame: VideoFrame, aspect: Fraction | None) -> None:
        """Look at the next decoded frame.

        Args:
            frame: as decoded.
            aspect: width over height of a pixel, as the decoder states it by now.
        """
        self._damaged += frame.is_corrupt
        self._interlaced += frame.interlaced_frame
        self._colours.setdefault(colour_of(frame, self._codec), self._count)
        self._uprights.setdefault(upright_of(frame), self._count)
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
            what = (
                "and were made whole"
                if self._deinterlace
                else "whose two half pictures of different times make a comb, which counts as sharpness: "
                "--deinterlace of 'hvdbench deblur' and 'hvdbench ingest' makes whole pictures of them"
            )
            notes.append(f"{self._interlaced} of {self._count} frames are interlaced, {what}")
        if len(self._colours) > 1:
            first, *others = self._colours
            notes.append(
                f"it states other colours from frame {self._colours[others[0]]} on, and each frame was read by its own"
            )
            known = colour_notes(first)
            notes += [note for other in others for note in colour_notes(other) if note not in known]
        if len(self._uprights) > 1:
            turned = list(self._uprights.values())[1]
            notes.append(f"it asks for another turn from frame {turned} on, and all were turned as the first")
        if len(self._aspects) > 1:
            shapes = ", then ".join(f"{one.numerator}:{one.denominator}" for one in self._aspects)
            notes.append(f"its pixels change their shape part-way ({shapes}), and all were read as those of the first")
        return notes
