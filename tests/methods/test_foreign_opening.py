"""The one door for --method: which form a reference has, its name, its digest, and what a mistake is answered with."""

import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from made_model import directly, made_clip, restore, save_scripted, small_net, write_module

from hvdbench.errors import InputError, RecipeError, UnknownNameError, WeightsError
from hvdbench.frames import write_clip
from hvdbench.labels.sharpness import label_paper
from hvdbench.methods.opening import open_method
from hvdbench.methods.recipe import load_method
from hvdbench.methods.restoration import Budget
from hvdbench.networks.estrnn import ESTRNN
from hvdbench.recipe import recipe_names


@pytest.fixture
def here(tmp_path, monkeypatch) -> Path:
    """An empty current folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    return tmp_path


@pytest.fixture
def tiny_weights(tmp_path) -> Path:
    torch.manual_seed(0)
    path = tmp_path / "tiny.pth"
    torch.save(ESTRNN(n_features=4, n_blocks=1).state_dict(), path)
    return path


def test_a_recipe_is_opened_as_ever(here):
    assert open_method("warp_average").digest == load_method("warp_average").digest
    (here / "mine.toml").write_text('title = "a"\nscheme = "blurry"\n[tiny]\nnote = "b"\n')
    assert open_method("mine.toml").name == "mine"
    assert open_method("mine.toml@tiny").name == "mine@tiny"


def test_settings_are_laid_over_a_recipes():
    changed = open_method("warp_average", settings={"mask_scale": 0.6})
    assert changed.scheme.settings.mask_scale == 0.6
    assert changed.digest != load_method("warp_average").digest
    with pytest.raises(RecipeError, match=r"unknown key 'mask' \(known: alignment, flow, labeller, mask_scale\)"):
        open_method("warp_average", settings={"mask": 1})


def test_a_network_of_the_catalogue_takes_its_weights_and_their_name(here, tiny_weights):
    method = open_method("estrnn@tiny", weights=tiny_weights)
    assert method.name == "estrnn@tiny-tiny"
    assert method.made_from == "weights tiny.pth, trained elsewhere"
    clip = made_clip(3, 24, 32)
    assert restore(method, clip).shape == clip.shape


def test_the_order_of_colours_can_be_said_of_a_copy_and_is_noted(here, tiny_weights):
    clip = made_clip(3, 24, 32)
    published = open_method("estrnn@tiny", weights=tiny_weights)
    copy = open_method("estrnn@tiny", weights=tiny_weights, settings={"spec": {"channel_order": "rgb"}})
    flipped = restore(published, np.ascontiguousarray(clip[..., ::-1]))[..., ::-1]
    np.testing.assert_array_equal(restore(copy, clip), flipped)
    assert (restore(copy, clip) != restore(published, clip)).any()
    noted = [method.restore(clip, label_paper(clip), Budget()).facts["channel_order"] for method in (published, copy)]
    assert noted == ["bgr", "rgb"]


def test_weights_may_go_by_the_name_under_which_they_are_known(here, monkeypatch):
    monkeypatch.setenv("HVDBENCH_WEIGHTS", str(here))
    with pytest.raises(WeightsError, match=r"the weights estrnn_gopro are missing .*: get it from"):
        open_method("estrnn", weights=Path("estrnn_gopro"))
    torch.manual_seed(0)
    torch.save({"state_dict": ESTRNN().state_dict()}, here / "estrnn_gopro.tar")
    assert open_method("estrnn", weights=Path("estrnn_gopro")).name == "estrnn_gopro"


@pytest.mark.parametrize("reference", ["estrnn", "estrnn@tiny", "nafnet"])
def test_a_network_without_weights_is_refused(reference):
    with pytest.raises(WeightsError, match=f"'{reference}' has no weights, so its output would be random"):
        open_method(reference)


def test_a_network_that_restores_no_clips_is_refused(tmp_path):
    with pytest.raises(InputError, match="'spynet' does not restore clips"):
        open_method("spynet", settings={"own_weights": True})


def test_an_import_string_finds_modules_of_the_current_folder(here):
    write_module(here, "standing_here")
    method = open_method("standing_here:ready", settings={"own_weights": True})
    assert method.name == "ready"
    assert method.recipe.values.scheme == "network"


def test_an_import_string_may_name_a_method_of_its_own_kind():
    method = open_method("hvdbench.methods.blurry:Blurry")
    clip = made_clip()
    assert (method.name, restore(method, clip).tolist()) == ("Blurry", clip.tolist())


def test_files_and_folders_say_what_they_are(here):
    save_scripted(small_net(), here / "one.ts")
    save_scripted(small_net(), here / "two.pt")
    write_clip(here / "results", made_clip(2))
    for reference, name in {
        "one.ts": "one",
        "two.pt": "two",
        "torchscript:two.pt": "two",
        "results": "results",
    }.items():
        assert open_method(reference).name == name
    assert open_method("command:python3 run.sh {input} {output}").name == "run"


def test_a_name_of_one_s_own_is_taken_unless_it_is_a_recipes(here):
    write_clip(here / "results", made_clip(2))
    assert open_method("results", name="theirs-v2").name == "theirs-v2"
    with pytest.raises(InputError, match="'warp_average' is the name of a recipe"):
        open_method("results", name="warp_average")
    for name in ("a/b", "..", "", "a b"):
        with pytest.raises(InputError, match="cannot be a method's name"):
            open_method("results", name=name)


def test_a_file_called_like_a_recipe_keeps_off_its_rows(here):
    write_clip(here / "folder" / "blurry", made_clip(2))
    assert open_method("folder/blurry").name == "blurry-folder"


@pytest.mark.parametrize(
    ("reference", "words"),
    [
        ("warp_avrage", "no method 'warp_avrage'; did you mean 'warp_average'.*onnx:FILE"),
        ("nafnett", "did you mean 'nafnet'"),
        ("some/where.xyz", "and no file or folder some/where.xyz"),
        ("zzzz", r"no method 'zzzz' \(--method takes"),
    ],
)
def test_what_is_not_known_is_answered_with_near_names_and_forms(here, reference, words):
    with pytest.raises(UnknownNameError, match=words):
        open_method(reference)


def test_an_import_string_that_leads_nowhere_is_answered(here):
    with pytest.raises(UnknownNameError, match=r"method 'not_there\.net:Net' cannot be imported: No module"):
        open_method("not_there.net:Net")
    with pytest.raises(InputError, match="cannot be made with"):
        open_method("json:loads")
    (here / "with_a_typo.py").write_text("def net(:\n")
    with pytest.raises(InputError, match="'with_a_typo:net' cannot be imported: SyntaxError"):
        open_method("with_a_typo:net")


def test_a_bare_checkpoint_is_told_which_network_to_name(tiny_weights):
    with pytest.raises(InputError, match=rf"--method estrnn --weights {tiny_weights}, or --method spandrel:"):
        open_method(str(tiny_weights))


def test_weights_where_none_are_taken_are_refused(here, tiny_weights):
    write_clip(here / "results", made_clip(2))
    save_scripted(small_net(), here / "one.ts")
    for reference in ("warp_average", "results", "one.ts"):
        with pytest.raises(InputError, match=r"takes no weights|contains its own weights"):
            open_method(reference, weights=tiny_weights)


def test_a_method_that_is_trained_is_opened_with_its_weights(here, tiny_weights):
    for reference in ("selfhvd_estrnn@tiny", "supervised_estrnn@tiny"):
        method = open_method(reference, weights=tiny_weights)
        assert (method.is_trained, method.weights, method.name) == (True, tiny_weights, reference)
        clip = made_clip(3, 24, 32)
        np.testing.assert_array_equal(
            restore(method, clip), restore(open_method("estrnn@tiny", weights=tiny_weights), clip)
        )
        assert open_method(reference).weights is None
        with pytest.raises(WeightsError, match="needs weights, but none were given"):
            restore(open_method(reference), clip)
        with pytest.raises(WeightsError, match=r"any\.pth"):
            open_method(reference, weights=Path("any.pth"))


def test_a_recipe_may_hold_a_network_with_its_settings(here, tiny_weights):
    (here / "mine.toml").write_text(
        'title = "a"\nscheme = "network"\n[settings]\nnetwork = "estrnn@tiny"\nweights = "tiny.pth"\nwindow = 4\n'
    )
    method = open_method("mine.toml")
    assert (method.name, method.scheme.settings.window) == ("mine", 4)
    with pytest.raises(WeightsError, match=r"weights other\.pth are missing: there is no file"):
        open_method("mine.toml", weights=Path("other.pth"))
    with pytest.raises(RecipeError, match=r"\[spec\]: unknown key 'size_multiples' \(known: channel_order, "):
        open_method("mine.toml", settings={"spec": {"size_multiples": 8}})


def test_the_digest_follows_what_files_hold_not_where_they_lie(here):
    first = save_scripted(small_net(), here / "a.ts")
    (here / "else").mkdir()
    (here / "else" / "b.ts").write_bytes(first.read_bytes())
    digest = open_method("a.ts").digest
    assert open_method("else/b.ts").digest == digest
    assert open_method("a.ts", settings={"window": 4}).digest != digest
    save_scripted(small_net(6), first)
    assert open_method("a.ts").digest != digest


def test_the_digest_follows_source_and_weights_of_an_import_string(here):
    write_module(here, "moving")
    torch.save(small_net().state_dict(), here / "w.pth")
    digest = open_method("moving:Net", weights=Path("w.pth")).digest
    with (here / "moving.py").open("a") as file:
        file.write("# another line\n")
    changed = open_method("moving:Net", weights=Path("w.pth")).digest
    torch.save({"params": small_net().state_dict()}, here / "w.pth")
    assert len({digest, changed, open_method("moving:Net", weights=Path("w.pth")).digest}) == 3


def test_a_file_that_changes_before_its_clip_is_reached_is_noticed(here):
    path = save_scripted(small_net(), here / "a.ts")
    method = pickle.loads(pickle.dumps(open_method("a.ts")))
    save_scripted(small_net(6), path)
    open_method("a.ts")  # takes the place of the opened network
    with pytest.raises(WeightsError, match=r"a\.ts has changed since it was opened"):
        restore(method, made_clip())


@pytest.mark.slow
def test_a_method_travels_to_another_process(here):
    write_module(here, "travelling")
    torch.save(small_net().state_dict(), here / "w.pth")
    method = open_method("travelling:Net", weights=Path("w.pth"))
    (here / "method.pickle").write_bytes(pickle.dumps((method, made_clip())))
    code = (
        "import pickle, numpy as np\n"
        "from hvdbench.labels.sharpness import label_paper\n"
        "from hvdbench.methods.restoration import Budget\n"
        "method, clip = pickle.load(open('method.pickle', 'rb'))\n"
        "np.save('restored.npy', method.restore(clip, label_paper(clip), Budget()).frames)\n"
    )
    root = Path(__file__).resolve().parents[2]
    subprocess.run([sys.executable, "-c", code], cwd=here, env={"PYTHONPATH": str(root)}, check=True)
    np.testing.assert_array_equal(np.load(here / "restored.npy"), directly(small_net(), made_clip()))


def test_every_recipes_method_can_be_pickled():
    for name in recipe_names("methods"):
        method = load_method(name)  # whether its starting weights are there or not
        assert pickle.loads(pickle.dumps(method)).digest == method.digest


def test_the_door_itself_imports_no_torch():
    code = (
        "import sys\n"
        "from hvdbench.methods.opening import open_method\n"
        "open_method('blurry'); open_method('command:python x.py {input} {output}'); open_method('.')\n"
        "print('torch' in sys.modules)"
    )
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run([sys.executable, "-c", code], cwd=root / "docs", capture_output=True, text=True)
    assert (done.stdout.strip(), done.returncode) == ("False", 0), done.stderr
