"""List the protocols that have a name."""

from hvdbench.catalog import unknown
from hvdbench.errors import UnknownNameError
from hvdbench.metrics.fidelity import PSNR_CAP_DB, REGISTRATION_BORDER_PX
from hvdbench.metrics.protocols.definition import Protocol

PROTOCOLS: tuple[Protocol, ...] = (
    Protocol(
        name="hvdbench-1",
        revision=1,
        origin="hvdbench's own, that of every board",
        differs="-",
        cap_db=PSNR_CAP_DB,
        also_registered=True,
    ),
    Protocol(
        name="selfhvd",
        revision=1,
        origin="SelfHVD (arXiv:2508.08605) and its repository, a fork of mmedit with the metrics switched off",
        differs="equal frames are infinite; float32 rounding is not copied",
        ours="colour, border, averaging and which frames count: mmedit's own metrics, all frames, the mean over clips",
    ),
    Protocol(
        name="gopro-matlab",
        revision=1,
        origin="MATLAB's psnr and ssim on colour pictures, as the tables on GoPro and HIDE are made",
        differs="SSIM over a volume of 11x11x11 with repeated border, the colours as its third axis; mean over frames",
        ours="MATLAB was not at hand: checked against the same formula by SciPy and by a 3-D convolution",
        ssim="volume",
        averaging="frames",
    ),
    Protocol(
        name="basicsr-rgb",
        revision=1,
        origin="BasicSR's calculate_psnr and calculate_ssim (crop_border 0), also RVRT's and KAIR's",
        differs="equal frames are infinite",
    ),
    Protocol(
        name="basicsr-y",
        revision=1,
        origin="BasicSR's metrics with test_y_channel (crop_border 0)",
        differs="on the luma of 16 to 235, not rounded",
        colour="y",
    ),
    Protocol(
        name="estrnn-2020",
        revision=1,
        origin="ESTRNN's repository at its defaults (two past and two future frames)",
        differs="floats are truncated; the first and last two frames of a clip do not count; mean over frames",
        ours="frames that are 8 bit already cannot be truncated again; the paper's own table is of patches",
        rounding="truncate",
        skip_first=2,
        skip_last=2,
        averaging="frames",
    ),
    Protocol(
        name="realblur-ecc",
        revision=1,
        origin="RealBlur's evaluation (Rim et al., ECCV 2020), also MPRNet's and ID-Blau's on that data",
        differs="brightness matched, registered by an ECC homography, scored where it covers the truth; over frames",
        ours="where ECC finds no homography the frame is scored as it lies (there it stops)",
        registration="homography",
        ssim="masked",
        averaging="frames",
    ),
    Protocol(
        name="aligned",
        revision=1,
        origin="hvdbench's own, for methods that shift their output",
        differs=f"registered by one sub-pixel translation, {REGISTRATION_BORDER_PX} px cut (as psnr_registered)",
        registration="translation",
        border_px=REGISTRATION_BORDER_PX,
        cap_db=PSNR_CAP_DB,
    ),
)
DEFAULT = PROTOCOLS[0]


def find_protocol(name: str) -> Protocol:
    """Find a protocol by its name.

    Raises:
        UnknownNameError: if there is no such protocol.
    """
    for protocol in PROTOCOLS:
        if protocol.name == name:
            return protocol
    raise UnknownNameError(unknown("protocol", name, [protocol.name for protocol in PROTOCOLS]))
