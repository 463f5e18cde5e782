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
        name="dvd-koehler",
        revision=1,
        origin="DVD's paper (Su et al., CVPR 2017): the evaluation code of Köhler et al. (ECCV 2012), as its author "
        "writes (shuochsu/DeepVideoDeblurring#3); that code as codeslake/PVDNet keeps it",
        differs="brightness matched, shifted by whole pixels onto the truth, BT.601 gray of full range, black where "
        "nothing is left; equal frames are infinite",
        ours="SSIM by Wang's window on that gray (which one the paper prints is unknown); all frames; the mean over "
        "clips, since the mean of the ten printed values of clips is the printed mean",
        colour="gray",
        registration="pixels",
    ),
    Protocol(
        name="gyrovd",
        revision=1,
        origin="GyroVD's evaluation (rimchang/GyroDVD, CVPR 2026): scikit-image 0.17.2 at its defaults",
        differs="SSIM in a uniform 7x7 window with sample variances; the first and last two frames of a clip do not "
        "count; mean over frames; equal frames are infinite",
        skip_first=2,
        skip_last=2,
        ssim="uniform",
        averaging="frames",
    ),
    Protocol(
        name="rb2v",
        revision=1,
        origin="HyperCUT's evaluation on RB2V (VinAIResearch/HyperCUT, utils/metrics.py): pPSNR",
        differs="floats are neither rounded nor clipped; the seven frames of a sequence are scored forward or "
        "backward, whichever mean PSNR is larger; mean over frames; equal frames are infinite",
        ours="SSIM (there is none there); a single frame counts as the middle one, which stays where it is",
        rounding="none",
        sequence=7,
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
