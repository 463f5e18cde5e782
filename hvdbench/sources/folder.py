"""Any folder of high-speed frames, or of clip folders."""

from hvdbench.catalog import unknown
from hvdbench.errors import InputError, UnknownNameError
from hvdbench.frames import list_frames
from hvdbench.paths import root_variable
from hvdbench.sources.high_speed import VideoScene, clip_folders, open_video_scene
from hvdbench.sources.scene import SourceOptions


class FolderSource:
    """``<root>/*.png`` is one clip; ``<root>/<clip>/*.png`` are several. The frame rate comes from the recipe.

    Raises:
        InputError: no root is given, or it is no folder.
    """

    def __init__(self, options: SourceOptions) -> None:
        if options.root is None:
            raise InputError(f"the source 'folder' needs a folder of sharp frames: set {root_variable('folder')} to it")
        if not options.root.is_dir():
            raise InputError(f"{options.root} is not a folder: name one that holds frames, or clip folders of frames")
        self._options = options

    def scenes(self) -> list[VideoScene]:
        """List the clips by name, all in the split ``test``.

        Raises:
            InputError: neither frames nor clip folders with frames.
            UnknownNameError: a clip is asked for that is not there.
        """
        root = self._options.root
        assert root is not None
        files = list_frames(root)
        found = [(root, files)] if len(files) >= 2 else clip_folders(root)
        if not found:
            raise InputError(f"{root} holds neither frames nor clip folders with two frames or more")
        names = {folder.name for folder, _ in found}
        for wanted in self._options.names:
            if wanted not in names:
                raise UnknownNameError(unknown("clip", wanted, names))
        return [
            open_video_scene(
                folder,
                files,
                self._options,
                name=folder.name,
                split="test",
                fps=self._options.fps,
                licence="the owner's",
                source=f"folder of frames '{folder.name}' at {self._options.fps:g} fps",
            )
            for folder, files in found
            if not self._options.names or folder.name in self._options.names
        ]
