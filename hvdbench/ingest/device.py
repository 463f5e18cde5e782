"""Find which phone a capture is from: by what it states, a map of folders, or a given name."""

import re
from dataclasses import dataclass, field
from pathlib import Path

from hvdbench.errors import InputError
from hvdbench.video.metadata import CameraFacts
from hvdbench.workspace.names import slug
from hvdbench.workspace.parsing import read_toml

UNKNOWN = "unknown-device"
# The phones of HVD by the identifiers that they write: Huawei P40, Xiaomi 15, iPhone 16.
HVD_DEVICES = {
    "HVD-Huawei": re.compile(r"ANA-\w+|(HUAWEI )?P40", re.IGNORECASE),
    "HVD-Xiaomi": re.compile(r"24129PN74[CGI]|Xiaomi 15", re.IGNORECASE),
    "HVD-iPhone": re.compile(r"iPhone17,3|iPhone 16", re.IGNORECASE),
}
_MAKERS = {"HVD-Huawei": "huawei", "HVD-Xiaomi": "xiaomi", "HVD-iPhone": "apple"}
_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


def stated_device(camera: CameraFacts) -> str:
    """Identify the phone by what a capture states: one of HVD's, or maker and model; empty where it states neither."""
    for device, pattern in HVD_DEVICES.items():
        maker = camera.make.lower()
        if maker in {"", _MAKERS[device]}:
            for name in (camera.model, camera.market_name):
                if pattern.fullmatch(name):
                    return device
    model = camera.market_name or camera.model
    if model.lower().startswith(camera.make.lower()):
        return slug(model)
    return slug(f"{camera.make} {model}")


@dataclass(frozen=True)
class DeviceMap:
    """Devices by folder: a capture belongs to the deepest of these folders in which it lies."""

    folders: dict[Path, str] = field(default_factory=dict)

    def device(self, capture: Path) -> str:
        """Return the device named for a capture's folder, empty where none is."""
        found = [folder for folder in self.folders if capture.resolve().is_relative_to(folder)]
        return self.folders[max(found, key=lambda folder: len(folder.parts))] if found else ""


def read_device_map(path: Path) -> DeviceMap:
    """Read a TOML file whose table ``devices`` maps folders, relative to the file, to names.

    Raises:
        InputError: if the file does not exist, is not TOML or has another key, or a name cannot be that of a device.
    """
    try:
        table = read_toml(path)
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise InputError(f"{path} is not TOML: {error}") from error
    others = sorted(set(table) - {"devices"})
    devices = table.get("devices")
    if others or not isinstance(devices, dict) or not devices:
        found = f"there is an unknown key '{others[0]}'" if others else "there is no table of devices"
        raise InputError(f'{path}: {found}: write [devices], and below it e.g. "captures/p40" = "HVD-Huawei"')
    base = path.resolve().parent
    return DeviceMap({(base / folder).resolve(): check_device(name, f"{path}: ") for folder, name in devices.items()})


def check_device(name: object, where: str = "") -> str:
    """Return a device's name unchanged.

    Raises:
        InputError: if the name cannot name a folder.
    """
    if not isinstance(name, str) or not _WORD.fullmatch(name):
        raise InputError(f"{where}{name!r} cannot name a device: use letters, digits, '.', '-' and '_'")
    return name


def choose_device(camera: CameraFacts, mapped: str, given: str) -> tuple[str, str]:
    """Choose among what the capture states, its folder's device and the name that was given, in this order.

    Returns:
        The device, and what a user must know about the choice (empty: nothing).
    """
    stated = stated_device(camera)
    other = mapped or given
    if stated:
        return stated, f"states the device {stated}, which was kept" if other and other != stated else ""
    return other or UNKNOWN, "" if other else "does not state a device: name it with --capture-device or --device-map"
