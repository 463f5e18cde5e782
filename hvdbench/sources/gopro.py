"""GoPro's 240 fps clips as they are downloaded: ``GOPRO_Large_all`` (Nah et al., CVPR 2017)."""

from hvdbench.catalog import unknown
from hvdbench.errors import InputError, UnknownNameError
from hvdbench.paths import root_variable
from hvdbench.sources.high_speed import VideoScene, clip_folders, open_video_scene
from hvdbench.sources.scene import SourceOptions

SPLITS = ("train", "test")
FPS = 240.0
LICENCE = "CC BY 4.0 (GOPRO_Large_all)"


class GoProSource:
    """``<root>/{train,test}/<clip>/000001.png`` at 240 fps; ``<root>/<clip>/*.png`` is taken as the test split.

    Raises:
        InputError: no root is given, or it has no such folders.
    """

    def __init__(self, options: SourceOptions) -> None:
        if options.root is None:
            raise InputError(
                f"the source 'gopro' needs its folder: download GOPRO_Large_all and set {root_variable('gopro')} to it"
            )
        if not options.root.is_dir():
            raise InputError(
                f"{options.root} is not a folder: name the one that holds GOPRO_Large_all's train and test"
            )
        self._options = options

    def scenes(self) -> list[VideoScene]:
        """List the clips, ``train`` before ``test``.

        Raises:
            InputError: no clip folders with frames.
            UnknownNameError: a clip is asked for that is not there.
        """
        root = self._options.root
        assert root is not None
        found = [(split, *entry) for split in SPLITS if (root / split).is_dir() for entry in clip_folders(root / split)]
        found = found or [("test", *entry) for entry in clip_folders(root)]
        if not found:
            raise InputError(
                f"{root} holds no GoPro clips: expected {root.name}/train/<clip>/000001.png (GOPRO_Large_all at "
                "240 fps) or <clip> folders of frames"
            )
        names = {folder.name for _, folder, _ in found}
        for wanted in self._options.names:
            if wanted not in names:
                raise UnknownNameError(unknown("GoPro clip", wanted, names))
        return [
            open_video_scene(
                folder,
                files,
                self._options,
                name=folder.name,
                split=split,
                fps=FPS,
                licence=LICENCE,
                source=f"GOPRO_Large_all {split}/{folder.name}, 240 fps",
            )
            for split, folder, files in found
            if not self._options.names or folder.name in self._options.names
        ]
