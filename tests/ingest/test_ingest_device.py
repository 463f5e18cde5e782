"""Which phone a capture is from."""

import pytest
from made_film import jpeg_with_exif, pattern

from hvdbench.errors import InputError
from hvdbench.ingest.device import DeviceMap, check_device, choose_device, read_device_map, stated_device
from hvdbench.ingest.exif import PictureFacts, read_exif
from hvdbench.video.metadata import CameraFacts


@pytest.mark.parametrize(
    ("make", "model", "market_name", "device"),
    [
        ("HUAWEI", "ANA-AN00", "", "HVD-Huawei"),
        ("HUAWEI", "ANA-NX9", "", "HVD-Huawei"),
        ("HUAWEI", "ELS-AN00", "", "HUAWEI-ELS-AN00"),  # P40 Pro
        ("Xiaomi", "24129PN74C", "Xiaomi 15", "HVD-Xiaomi"),
        ("", "24129PN74G", "", "HVD-Xiaomi"),
        ("Xiaomi", "2410DPN6CC", "Xiaomi 15 Pro", "Xiaomi-15-Pro"),
        ("Apple", "iPhone 16", "", "HVD-iPhone"),
        ("Apple", "iPhone17,3", "", "HVD-iPhone"),
        ("Apple", "iPhone17,1", "", "Apple-iPhone17-1"),  # 16 Pro
        ("Apple", "iPhone 14 Pro", "", "Apple-iPhone-14-Pro"),
        ("samsung", "SM-G998B", "", "samsung-SM-G998B"),
        ("", "", "", ""),
    ],
)
def test_a_device_is_named_by_what_it_states(make, model, market_name, device):
    assert stated_device(CameraFacts(make, model, market_name)) == device


def test_what_is_stated_goes_before_the_map_and_the_map_before_the_name():
    nothing, apple = CameraFacts(), CameraFacts("Apple", "iPhone 16")
    assert choose_device(apple, "", "") == ("HVD-iPhone", "")
    assert choose_device(apple, "HVD-Huawei", "")[0] == "HVD-iPhone"
    assert "was kept" in choose_device(apple, "HVD-Huawei", "")[1]
    assert choose_device(nothing, "HVD-Huawei", "HVD-Xiaomi") == ("HVD-Huawei", "")
    assert choose_device(nothing, "", "HVD-Xiaomi") == ("HVD-Xiaomi", "")
    assert choose_device(nothing, "", "") == (
        "unknown-device",
        "does not state a device: name it with --capture-device or --device-map",
    )


def test_the_deepest_folder_of_a_map_names_the_device(tmp_path):
    (tmp_path / "devices.toml").write_text('[devices]\n"all" = "Pool"\n"all/p40" = "HVD-Huawei"\n')
    devices = read_device_map(tmp_path / "devices.toml")
    assert devices.device(tmp_path / "all/p40/a.mp4") == "HVD-Huawei"
    assert devices.device(tmp_path / "all/b.mp4") == "Pool"
    assert devices.device(tmp_path / "other/b.mp4") == ""
    assert DeviceMap().device(tmp_path) == ""


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[devices\n", "is not TOML"),
        ("[phones]\na = 'b'\n", "unknown key 'phones'"),
        ("", "no table of devices"),
        ("devices = 3", "no table of devices"),
        ("[devices]\na = 3\n", "3 cannot name a device"),
        ("[devices]\na = 'x/y'\n", "'x/y' cannot name a device"),
    ],
)
def test_a_map_that_is_none_is_answered(tmp_path, text, words):
    (tmp_path / "devices.toml").write_text(text)
    with pytest.raises(InputError, match=words):
        read_device_map(tmp_path / "devices.toml")


def test_a_missing_map_and_an_odd_name_are_refused(tmp_path):
    with pytest.raises(InputError, match="cannot be read"):
        read_device_map(tmp_path / "no.toml")
    with pytest.raises(InputError, match="cannot name a device"):
        check_device("a phone")


def test_maker_model_and_exposure_of_a_jpeg_are_read(tmp_path):
    jpeg_with_exif(tmp_path / "a.jpg", pattern(1, 1)[0], (1, 50), "ANA-AN00")
    assert read_exif(tmp_path / "a.jpg") == PictureFacts("Huawei", "ANA-AN00", 0.02)
    data = (tmp_path / "a.jpg").read_bytes()
    for end in range(0, 140, 3):  # cut off anywhere, and with a ratio of nought
        (tmp_path / "b.jpg").write_bytes(data[:end])
        read_exif(tmp_path / "b.jpg")
    jpeg_with_exif(tmp_path / "c.jpg", pattern(1, 1)[0], (1, 0), "x")
    assert read_exif(tmp_path / "c.jpg") == PictureFacts()
    assert read_exif(tmp_path / "none.jpg") == PictureFacts()
