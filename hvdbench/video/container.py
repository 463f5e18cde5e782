"""Open a video file and choose its picture track, with a clear error for files that are not videos."""

from pathlib import Path

import av
from av.container import InputContainer
from av.stream import Disposition
from av.video.stream import VideoStream

from hvdbench.errors import VideoError
from hvdbench.frames import check_utf8
from hvdbench.video.companions import companion_of_film

FILE_ERRORS = (av.FFmpegError, OSError, ValueError)  # what PyAV raises where a file cannot be opened or written
FILM_SUFFIXES = frozenset(
    {".mp4", ".mov", ".m4v", ".qt", ".mkv", ".webm", ".avi", ".3gp", ".3g2", ".mts", ".m2ts", ".ts"}
    | {".mpg", ".mpeg", ".flv", ".wmv", ".asf", ".ogv"}
)
"""Suffixes of files that are taken as videos where a folder is searched; a video that is named may have any."""

_LOCAL_ONLY = {"protocol_whitelist": "file"}  # a playlist in disguise must not reach out for other addresses
_NO_FILM = int(Disposition.attached_pic) | int(Disposition.timed_thumbnails) | int(Disposition.still_image)


def films_in(folder: Path) -> list[Path]:
    """List the films directly in a folder, by their suffixes and sorted by name, without hidden ones and previews."""
    films = (path for path in folder.iterdir() if path.suffix.lower() in FILM_SUFFIXES and path.is_file())
    return sorted(path for path in films if not path.name.startswith(".") and not companion_of_film(path))


def note_on_films(folder: Path) -> str:
    """Return the sentence for a folder whose pictures are read as frames although films lie beside them, else ''."""
    films = films_in(folder)
    if not films:
        return ""
    return (
        f"{folder.name} contains {films[0].name} beside its pictures, which alone were read: name a video to have it "
        f"read"
    )


def open_video(path: Path) -> InputContainer:
    """Open a local file for reading; its tracks are not examined yet.

    Raises:
        VideoError: if the file does not exist, is empty, is not a video, or has a name that is not UTF-8.
    """
    check_utf8(path)
    if path.is_dir():
        raise VideoError(f"{path} is a folder: name a video file")
    if not path.is_file():
        raise VideoError(f"{path} does not exist: name a video file")
    if path.stat().st_size == 0:
        raise VideoError(f"{path} is empty (0 bytes)")
    try:
        # Without "file:" FFmpeg takes what stands before a colon in a name for a protocol.
        container = av.open(f"file:{path}", "r", options=_LOCAL_ONLY, metadata_errors="ignore")
    except FILE_ERRORS as error:
        raise VideoError(
            f"{path} cannot be opened as a video ({path.stat().st_size} bytes): it is damaged, or not a video"
        ) from error
    name = container.format.name
    if name in {"image2", "gif", "apng"} or name.endswith("_pipe"):
        container.close()
        raise VideoError(f"{path} is a picture, not a video: name a video file or a folder of frames")
    return container


def moving_streams(container: InputContainer) -> list[VideoStream]:
    """List the tracks of moving pictures: no attached cover, no timed thumbnails, no still."""
    return [stream for stream in container.streams.video if not int(stream.disposition) & _NO_FILM]


def moving_stream(container: InputContainer, path: Path) -> VideoStream:
    """Return the track of moving pictures that the file marks as the one to show, else the first.

    Raises:
        VideoError: if there is no such track.
    """
    streams = moving_streams(container)
    if not streams:
        raise VideoError(
            f"{path} has no video stream ({len(container.streams.audio)} of sound were found): name a video file"
        )
    if any(stream.codec_context is None for stream in streams):
        raise VideoError(f"{path} contains pictures of a codec that PyAV cannot decode: store them in H.264 first")
    shown = [stream for stream in streams if int(stream.disposition) & int(Disposition.default)]
    return shown[0] if shown else streams[0]
