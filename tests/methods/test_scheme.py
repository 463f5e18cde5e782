"""What a scheme is: which classes are taken for one, and what a mistake in one is answered with."""

import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from made_model import made_clip, restore

from hvdbench.catalog import SCHEMES
from hvdbench.errors import InputError, TrustError, WeightsError
from hvdbench.labels.sharpness import label_paper
from hvdbench.methods.blurry import Blurry
from hvdbench.methods.opening import open_method
from hvdbench.methods.recipe import load_method
from hvdbench.methods.restoration import Budget
from hvdbench.methods.scheme import Scheme, TrainedScheme
from hvdbench.methods.scheme_check import looks_like_scheme, scheme_class
from hvdbench.recipe import Settings

HEAD = """
from hvdbench.methods.restoration import Restoration
from hvdbench.methods.scheme import Scheme, TrainedScheme
from hvdbench.recipe import Settings

class Given(Settings):
    add: int = 1

"""
WITHOUT_BASE = """
class Theirs:
    Settings = Given
    made_from = "one number"

    def __init__(self, settings):
        self.add = settings.add

    def restore(self, blurry, labels, budget):
        return Restoration(blurry + self.add)
"""
WITH_BASE = """
class Theirs(Scheme[Given]):
    Settings = Given
    made_from = "one number"

    def restore(self, blurry, labels, budget):
        return Restoration(blurry + self.settings.add)
"""


@pytest.fixture
def here(tmp_path, monkeypatch) -> Path:
    """An empty current folder, with no module of another test in mind."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    for name in [name for name in sys.modules if name.startswith("their_")]:
        monkeypatch.delitem(sys.modules, name)
    return tmp_path


def write(folder: Path, body: str, name: str) -> str:
    (folder / f"{name}.py").write_text(HEAD + body)
    return f"{name}:Theirs"


@pytest.mark.parametrize("name", SCHEMES)
def test_every_scheme_of_ours_stands_on_the_base_class_and_fits_its_hooks(name):
    kind = scheme_class(name)
    assert issubclass(kind, Scheme)
    assert kind.is_trained == issubclass(kind, TrainedScheme)
    assert kind.has_network <= kind.takes_inference
    assert issubclass(kind.Settings, Settings)


@pytest.mark.parametrize("body", [WITHOUT_BASE, WITH_BASE], ids=["without the base class", "with it"])
def test_a_class_of_others_is_a_method_with_the_usual_facts(here, body):
    reference = write(here, body, "their_adding")
    method = open_method(reference, settings={"add": 2})
    clip = made_clip(2) // 2
    np.testing.assert_array_equal(restore(method, clip), clip + 2)
    assert isinstance(method.scheme, Scheme)
    assert method.scheme.identity == {"add": 2}
    assert (method.made_from, method.weights, method.is_trained, method.has_network) == (
        "one number",
        None,
        False,
        False,
    )
    assert method.digest != open_method(reference).digest
    with pytest.raises(InputError, match="has no steps that --minutes or --steps could set"):
        method.with_fit_steps(1)
    with pytest.raises(InputError, match="does not run a network"):
        method.open()


@pytest.mark.parametrize("body", [WITHOUT_BASE, WITH_BASE], ids=["without the base class", "with it"])
def test_a_method_of_others_travels_to_another_process(here, body):
    method = open_method(write(here, body, "their_travelling"))
    assert pickle.loads(pickle.dumps(method)).digest == method.digest
    (here / "method.pickle").write_bytes(pickle.dumps((method, made_clip(2) // 2)))
    code = (
        "import pickle, sys, numpy as np\n"
        "sys.path.append('.')\n"
        "from hvdbench.labels.sharpness import label_paper\n"
        "from hvdbench.methods.restoration import Budget\n"
        "method, clip = pickle.load(open('method.pickle', 'rb'))\n"
        "np.save('restored.npy', method.restore(clip, label_paper(clip), Budget()).frames)\n"
    )
    root = Path(__file__).resolve().parents[2]
    subprocess.run([sys.executable, "-c", code], cwd=here, env={"PYTHONPATH": str(root)}, check=True)
    np.testing.assert_array_equal(np.load(here / "restored.npy"), made_clip(2) // 2 + 1)


SETTINGS = "    Settings = Given\n"
RESTORE = "    def restore(self, blurry, labels, budget): ...\n"
MISTAKES = {
    "restor": (SETTINGS, "def restor(self, blurry, labels, budget): ...", "has 'restor'.*'restore' is expected"),
    "restroe": (SETTINGS, "def restroe(self, blurry, labels, budget): ...", "has 'restroe'.*'restore' is expected"),
    "Setting": (RESTORE, "Setting = Given", "has 'Setting'.*'Settings' is expected"),
    "objectiv": (SETTINGS + RESTORE, "def objectiv(self, seed=0): ...", "has 'objectiv'.*'objective' is expected"),
    "made_form": (SETTINGS + RESTORE, "made_form = 'a'", "has 'made_form'.*'made_from' is expected"),
    "check_clip": (
        SETTINGS + RESTORE,
        "def check_clip(self, counts): ...",
        "has 'check_clip'.*'check_clips' is expected",
    ),
    "objective": (SETTINGS + RESTORE, "def objective(self, seed=0): ...", "has 'objective', which only a scheme with"),
    "identity": (SETTINGS + RESTORE, "def identity(self): return {}", "'identity' as a method, and a property"),
    "check": (SETTINGS + RESTORE, "check = True", "'check' as bool, and a method is expected"),
    "restore": (
        SETTINGS,
        "def restore(self, blurry): ...",
        r"restore\(self, blurry\), and restore\(self, blurry, labels, budget\) is expected",
    ),
    "__init__": (
        SETTINGS + RESTORE,
        "def __init__(self, settings, model): ...",
        "must be made with its settings alone",
    ),
}


@pytest.mark.parametrize("base", ["", "(Scheme[Given])"], ids=["without the base class", "with it"])
@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_hook_that_is_misspelt_or_of_another_kind_is_refused_when_it_is_opened(here, mistake, base):
    usual, line, words = MISTAKES[mistake]
    reference = write(here, f"class Theirs{base}:\n{usual}    {line}\n", "their_wrong")
    with pytest.raises(InputError, match=f"'their_wrong:Theirs'.*{words}"):
        open_method(reference)
    (here / "mine.toml").write_text(f'title = "a"\nscheme = "{reference}"\n')
    with pytest.raises(InputError, match=words):
        load_method("mine.toml", trust=True)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("class Theirs(Scheme[Given]):\n    Settings = Given\n", "lacks 'restore'"),
        ("class Theirs(Scheme[Given]):\n    def restore(self, blurry, labels, budget): ...\n", "has no 'Settings'"),
        (
            "class Theirs:\n    Settings = dict\n    def restore(self, blurry, labels, budget): ...\n",
            "has 'Settings' that are <class 'dict'>",
        ),
        (
            "class Theirs(TrainedScheme[Given]):\n    Settings = Given\n    def build(self, seed=0): ...\n",
            "lacks 'engine' and 'objective' and 'restore_with' and 'window' and 'with_steps'",
        ),
    ],
)
def test_a_hook_that_is_missing_is_named(here, body, words):
    with pytest.raises(InputError, match=f"'their_lacking:Theirs' {words}"):
        open_method(write(here, body, "their_lacking"))


def test_a_hook_beside_a_name_like_it_is_no_mistake(here):
    body = WITH_BASE + "    def restored(self): ...\n    def _restor(self): ...\n    def strength(self): ...\n"
    assert open_method(write(here, body, "their_own_names")).name == "Theirs"


def test_a_network_is_not_taken_for_a_scheme():
    from hvdbench.networks.estrnn import ESTRNN

    assert looks_like_scheme(Blurry)
    assert not looks_like_scheme(ESTRNN)
    assert not looks_like_scheme(Path)
    assert not looks_like_scheme(len)


def test_a_trained_method_restores_once_it_has_weights(tmp_path):
    from safetensors.torch import save_file

    method, clip = load_method("selfhvd_estrnn@tiny"), made_clip(3, 24, 32)
    save_file(method.trained_scheme.build(1).state_dict(), tmp_path / "w.safetensors")
    ready = method.with_weights(tmp_path / "w.safetensors")
    assert (ready.weights, method.weights, ready.digest) == (tmp_path / "w.safetensors", None, method.digest)
    assert (ready.preset, load_method("selfhvd_estrnn").preset) == ("tiny", None)
    whole = ready.restore(clip, label_paper(clip), Budget()).frames
    np.testing.assert_array_equal(
        pickle.loads(pickle.dumps(ready)).restore(clip, label_paper(clip), Budget()).frames, whole
    )
    with pytest.raises(WeightsError, match="method 'selfhvd_estrnn@tiny' needs weights, but none were given"):
        method.restore(clip, label_paper(clip), Budget())
    with pytest.raises(InputError, match="'warp_average' has nothing to train"):
        load_method("warp_average").with_weights(tmp_path / "w.safetensors")


def test_a_recipe_names_the_labeller_that_its_method_borrows_by(tmp_path):
    (tmp_path / "mine.toml").write_text(
        'based_on = "warp_average"\ntitle = "By clues"\n[settings]\nlabeller = "clues"\n'
    )
    assert load_method(str(tmp_path / "mine.toml")).scheme.labeller == "clues"
    for name in ("warp_average", "reblur_blend", "fusion_pretrained", "selfhvd_basicvsrpp@tiny", "blurry"):
        assert load_method(name).scheme.labeller == "paper"


def test_a_strangers_recipe_names_no_labeller_that_would_run_code(tmp_path):
    path = tmp_path / "theirs.toml"
    path.write_text('title = "x"\nscheme = "warp_average"\n[settings]\nlabeller = "theirs:label"\n')
    with pytest.raises(TrustError, match="labeller = 'theirs:label' would import the module 'theirs'"):
        load_method(str(path))
