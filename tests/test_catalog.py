import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from torch import nn

from hvdbench import catalog
from hvdbench.catalog import NamedPreset
from hvdbench.errors import InputError, UnknownNameError
from hvdbench.video.writer import write_video
from hvdbench.workspace import imports

KINDS = ("source", "trajectory format", "labeller", "network", "scheme", "metric", "stabiliser")

# a part of each kind that a third party might write, as little as that kind allows
THEIRS = {
    "source": "class Thing:\n    def __init__(self, options): ...\n    def scenes(self): return []\n",
    "trajectory format": "def Thing(path): ...\n",
    "labeller": "def Thing(frames): ...\n",
    "network": "from torch import nn\nclass Thing(nn.Conv2d):\n    def __init__(self): super().__init__(3, 3, 1)\n",
    "scheme": "from hvdbench.methods.blurry import Blurry\nclass Thing(Blurry): ...\n",
    "metric": "def Thing(restored, truth): return 0.0\n",
    "stabiliser": "from hvdbench.camera.stabiliser.kinds import Off\nclass Thing(Off): ...\n",
    "controller": "def Thing(gyro_rad_s, rate_hz): return gyro_rad_s\n",
}
NOT_A_PART = "Thing = 3\n"


@pytest.fixture
def here(tmp_path, monkeypatch):
    """An empty current folder; what is imported from it is forgotten afterwards."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [place for place in sys.path if place])
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        if str(tmp_path) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]


@pytest.mark.parametrize(("kind", "name"), [(kind, name) for kind in KINDS for name in catalog.names(kind)])
def test_every_name_leads_to_a_part_of_its_kind(kind, name):
    part = catalog.resolve(kind, name)
    assert part is not None
    assert catalog.resolve(kind, catalog._KINDS[kind].parts[name]) == part  # the same by its import string


@pytest.mark.parametrize("kind", THEIRS)
def test_a_part_of_every_kind_is_found_in_the_current_folder(here, kind):
    (here / f"their_{kind.replace(' ', '_')}.py").write_text(THEIRS[kind])
    found = catalog.resolve(kind, f"their_{kind.replace(' ', '_')}:Thing")
    assert getattr(found.module if kind == "network" else found, "__name__", None) == "Thing"


@pytest.mark.parametrize("kind", THEIRS)
def test_something_else_than_a_part_is_one_sentence(here, kind):
    (here / "their_number.py").write_text(NOT_A_PART)
    with pytest.raises(InputError, match=rf"^{kind} 'their_number:Thing' is of the type int: expected an? "):
        catalog.resolve(kind, "their_number:Thing")
    with pytest.raises(InputError, match=rf"^{kind} 'os:path' is the module posixpath: expected an? "):
        catalog.resolve(kind, "os:path")


def test_the_tests_know_every_kind():
    assert set(catalog._KINDS) == {*KINDS, "controller"} == set(THEIRS)


def test_an_installed_module_is_never_taken_from_the_current_folder(here):
    (here / "json.py").write_text("raise SystemExit('taken from here')\n")
    (here / "colorsys.py").write_text("dumps = None\n")
    assert catalog.resolve("metric", "json:dumps") is json.dumps
    sys.modules.pop("colorsys", None)
    assert callable(catalog.resolve("metric", "colorsys:rgb_to_hsv"))
    assert str(here) not in sys.path


def test_the_current_folder_is_looked_at_only_for_what_was_found_there(here):
    with pytest.raises(UnknownNameError, match="No module named 'not_here'"):
        catalog.resolve("metric", "not_here:measure")
    assert str(here) not in sys.path
    (here / "is_here.py").write_text("import beside\nmeasure = beside.measure\n")
    (here / "beside.py").write_text(THEIRS["metric"].replace("Thing", "measure"))
    assert catalog.resolve("metric", "is_here:measure")(None, None) == 0.0
    assert sys.path[-1] == str(here)


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("import sys\nsys.exit(0)\n", "its module calls sys.exit while it is imported"),
        ("1 / 0\n", "ZeroDivisionError: division by zero"),
        ("def net(:\n", "SyntaxError"),
        ("import not_installed_anywhere\n", "ModuleNotFoundError: No module named 'not_installed_anywhere'"),
    ],
)
def test_a_module_that_fails_as_it_is_imported_is_one_sentence(here, code, words):
    (here / "their_broken.py").write_text(code)
    with pytest.raises(InputError, match=f"^labeller 'their_broken:label' cannot be imported: {words}"):
        catalog.resolve("labeller", "their_broken:label")


def test_the_command_line_says_so_where_a_module_calls_exit(here):
    (here / "their_exit.py").write_text("import sys\nsys.exit(0)\n")
    frames = np.random.default_rng(0).integers(0, 256, (3, 48, 64, 3), dtype=np.uint8)
    write_video(here / "film.mp4", frames, fps=30.0)
    code = (
        "import sys; sys.argv = ['hvdbench', 'label', 'film.mp4', '--labeller', 'their_exit:label']; "
        "from hvdbench.cli.main import main; main()"
    )
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).resolve().parent.parent)}
    done = subprocess.run([sys.executable, "-c", code], cwd=here, env=environment, capture_output=True, text=True)
    assert (done.returncode, "calls sys.exit while it is imported" in done.stderr) == (1, True), done.stderr


def test_names_are_sorted():
    assert catalog.names("metric") == sorted(catalog.METRICS)


def test_a_typo_gets_the_nearest_name_and_all_known_ones():
    with pytest.raises(UnknownNameError) as caught:
        catalog.resolve("network", "basicvsrp")
    known = ", ".join(sorted(catalog.NETWORKS))
    assert str(caught.value) == f"there is no network named 'basicvsrp'; did you mean 'basicvsrpp'? (known: {known})"


def test_a_name_far_from_all_gets_no_guess():
    assert catalog.unknown("metric", "zzzz", ["ssim", "psnr"]) == "there is no metric named 'zzzz' (known: psnr, ssim)"


@pytest.mark.parametrize(
    "target", ["json:nothing", "no_such_package.metrics:brisque", ":psnr", ".metrics:psnr", "json:", "a:b:c", "a b:c"]
)
def test_an_import_string_that_leads_nowhere_is_one_sentence(target):
    with pytest.raises(UnknownNameError, match=f"metric '{target}' cannot be imported: "):
        catalog.resolve("metric", target)


def test_the_name_of_a_file_is_no_import_string(here):
    (here / "torchscript.py").write_text("raise SystemExit('this must not run')\n")
    with pytest.raises(UnknownNameError, match="no network named 'torchscript:Net'"):
        catalog.resolve("network", "torchscript:Net")
    assert imports.source_file("torchscript:Net") is None


def test_a_broken_part_of_our_own_is_no_typing_error(monkeypatch):
    ours = catalog._Kind({"psnr": "hvdbench.metrics.fidelity:gone"}, "a metric", lambda thing: thing)
    monkeypatch.setattr(catalog, "_KINDS", {"metric": ours})
    with pytest.raises(AttributeError):
        catalog.resolve("metric", "psnr")


def test_listing_names_imports_nothing_heavy():
    code = (
        "import sys; from hvdbench import catalog; [catalog.names(kind) for kind in "
        f"{KINDS!r}]; sys.exit(bool({{'numpy', 'torch', 'cv2', 'pydantic'}} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize(
    ("text", "name", "preset"),
    [
        ("estrnn@tiny", "estrnn", "tiny"),
        ("estrnn", "estrnn", None),
        ("their_pkg.net:NETWORK@tiny", "their_pkg.net:NETWORK", "tiny"),
        ("/home/me@work/mine.toml@tiny", "/home/me@work/mine.toml", "tiny"),
        ("/home/me@work/mine.toml", "/home/me@work/mine.toml", None),
        ("one@two.toml", "one@two.toml", None),
        ("estrnn@", "estrnn@", None),
    ],
)
def test_a_preset_is_one_word_after_the_last_at_sign(text, name, preset):
    found = NamedPreset.parse(text)
    assert (found.name, found.preset, str(found)) == (name, preset, text)
    assert str(found.tiny) == f"{name}@tiny"


def test_a_network_of_others_may_be_a_class_a_function_a_module_or_have_presets(here):
    (here / "their_nets.py").write_text(
        "from torch import nn\n"
        "from hvdbench.networks.network import Network\n"
        "class Net(nn.Conv2d):\n"
        "    def __init__(self, width=8): super().__init__(3, width, 1)\n"
        "def make(width=5): return Net(width)\n"
        "ready = Net(6)\n"
        "NETWORK = Network(Net, presets={'tiny': {'width': 2}})\n"
    )
    widths = {
        name: catalog.resolve("network", f"their_nets:{name}").build().out_channels
        for name in ("Net", "make", "ready", "NETWORK")
    }
    assert widths == {"Net": 8, "make": 5, "ready": 6, "NETWORK": 8}
    assert catalog.resolve("network", "their_nets:NETWORK").build("tiny").out_channels == 2
    ready = catalog.resolve("network", "their_nets:ready")
    nn.init.zeros_(ready.build().weight)  # a training of a copy leaves the module as it was
    assert ready.build().weight.any()
    with pytest.raises(TypeError, match="already been built, so it takes no arguments"):
        ready.build(width=3)
