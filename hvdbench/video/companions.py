"""Recognise what cameras and programs put beside films: previews, thumbnails and edited copies of the same recording.

A preview in a split of its own would be a second, worse copy of its film, perhaps across the line between training and
test. Names are those that the makers document: GoPro's ``GL010001.LRV`` and ``.THM``, DJI's ``.LRF``, Insta360's
``LRV_…``, Sony's ``M4ROOT/SUB/C0001S03.MP4`` and ``THMBNL``, the ``_Proxy`` of Premiere and the ``Proxy`` folders of
DaVinci Resolve and Final Cut, and the iPhone's ``IMG_E0001`` for an edited ``IMG_0001``.
"""

import re
from pathlib import Path

_SMALL_FILMS = r"(mp4|mov|mxf|mts|avi|mkv|m4v|insv|lrv|lrf)"
_PREVIEW = re.compile(
    rf".+\.(lrv|lrf)|gl\d{{6}}\.mp4|(lrv_\d{{8}}_\d{{6}}_.+|c\d{{4}}s\d\d|.+[-_. ]proxy)\.{_SMALL_FILMS}", re.IGNORECASE
)
_FILM = re.compile(rf".+\.{_SMALL_FILMS}", re.IGNORECASE)
_PREVIEW_FOLDERS = frozenset({"proxy", "proxies", "proxy media"})
_EDITED = re.compile(r"(img_)e(\d{4}\.\w+)", re.IGNORECASE)
_THUMBNAIL_SUFFIX, _THUMBNAIL_FOLDER = ".thm", "thmbnl"

PREVIEW = "a preview that a camera or a program wrote beside its video, smaller and compressed anew"
EDITED = "an edited copy of a video beside it"
THUMBNAIL = "a thumbnail of a video"


def companion_of_film(path: Path) -> str:
    """Return what a file is where it belongs to a film and is no capture of its own, else an empty text."""
    if path.suffix.lower() == _THUMBNAIL_SUFFIX or path.parent.name.lower() == _THUMBNAIL_FOLDER:
        return THUMBNAIL
    is_in_their_folder = path.parent.resolve().name.lower() in _PREVIEW_FOLDERS
    if _PREVIEW.fullmatch(path.name) or (is_in_their_folder and _FILM.fullmatch(path.name)):
        return PREVIEW
    edited = _EDITED.fullmatch(path.name)
    return EDITED if edited and path.with_name(edited[1] + edited[2]).exists() else ""
