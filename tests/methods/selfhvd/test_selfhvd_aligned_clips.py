"""Labels aligned once for whole clips: the same as in the step, cut as windows are, and given to the right slots."""

import numpy as np
import pytest
import torch
from made_training import MadeReader

from hvdbench.dataset.facts import Box
from hvdbench.errors import RecipeError
from hvdbench.methods.restoration import Budget
from hvdbench.methods.selfhvd import aligned_clips
from hvdbench.methods.selfhvd.aligned_clips import MASKS, WARPED, AlignedClips
from hvdbench.methods.selfhvd.flows import DisFlow, FlowPair
from hvdbench.methods.selfhvd.masks import align, still_pair
from hvdbench.methods.selfhvd.objective import SelfHvdObjective
from hvdbench.methods.selfhvd.scheme import SelfHvd
from hvdbench.methods.selfhvd.settings import SelfHvdObjectiveSettings, SelfHvdSettings
from hvdbench.methods.training.samples import TrainingWindows, WindowSettings, nearest_selected
from hvdbench.methods.training.scheme import train_scheme
from hvdbench.methods.training.validation import batch_of
from hvdbench.recipe import check

KEY = "train/0"
WINDOWS = WindowSettings(crop_px=16, clip_frames=4)
VALUES = {"flow": {"model": "dis_fast", "on": "input", "cache": True}, "perceptual": {"weight": 0.0}}


def settings(**flow: object) -> SelfHvdObjectiveSettings:
    return SelfHvdObjectiveSettings.model_validate(VALUES | {"flow": VALUES["flow"] | flow})


class Still:
    """Says that nothing moved, and counts how often it was asked."""

    asked = 0

    def __call__(self, i: torch.Tensor, j: torch.Tensor) -> FlowPair:
        self.asked += 1
        return still_pair(i)


class Same(torch.nn.Module):
    """Gives its input back, with a weight to train."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = torch.nn.Parameter(torch.ones(()))

    def forward(self, clip: torch.Tensor) -> torch.Tensor:
        return self.scale * clip


@pytest.mark.parametrize("own_label", ["aligned", "in_place"])
def test_what_is_kept_is_the_alignment_of_whole_frames_in_eight_bits(own_label):
    reader, flows, wanted = MadeReader(), DisFlow("fast"), settings(own_label=own_label)
    made = AlignedClips(reader, None, flows, wanted)
    nearest = nearest_selected(reader.clips[0].is_selected)
    frames = reader.read(KEY, "blur", range(6))
    pictures = torch.from_numpy(frames).permute(0, 3, 1, 2).float() / 255
    in_place = torch.from_numpy(nearest == np.arange(6)) if own_label == "in_place" else None
    label = align(pictures, pictures[torch.from_numpy(nearest)], flows, wanted.masks, in_place)
    expected = torch.cat((label.warped, label.occlusion, label.mask), 1).permute(0, 2, 3, 1).numpy()
    found = np.concatenate((made.read(KEY, WARPED, range(6)), made.read(KEY, MASKS, range(6))), axis=3)
    assert np.abs(found / 255 - expected).max() <= 0.5 / 255 + 1e-6
    np.testing.assert_array_equal(made.read(KEY, "blur", [2, 0]), frames[[2, 0]])
    cut = made.read(KEY, WARPED, [3], Box(2, 4, 6, 8))
    np.testing.assert_array_equal(cut[0], found[3, 2:8, 4:12, :3].astype(np.uint8))


def test_windows_cut_mirror_and_turn_the_labels_with_the_frames():
    reader = MadeReader()
    windows = TrainingWindows(AlignedClips(reader, None, Still(), settings()), WINDOWS, 3, 20)
    for k in range(20):  # nothing moved: a warped sharp frame is the sharp frame
        item = windows[k]
        torch.testing.assert_close(item[WARPED], item["sharp"])
        assert item[MASKS].shape == (4, 2, 16, 16)
    plain = TrainingWindows(reader, WINDOWS, 3, 20)[7]
    assert torch.equal(windows[7]["blurry"], plain["blurry"])  # the same draws as without


@pytest.mark.parametrize("stage1_steps", [0, 5])
def test_the_loss_is_that_of_a_step_that_aligns_for_itself(stage1_steps):
    reader, flows, network = MadeReader(), Still(), Same()
    made = AlignedClips(reader, None, flows, settings())
    asked = flows.asked
    for k in range(3):  # with clues removed in stage 2
        batch = batch_of(TrainingWindows(made, WINDOWS, 3, 20), [k, k + 3], torch.device("cpu"))
        own = {name: value for name, value in batch.items() if name not in (WARPED, MASKS)}
        objective = SelfHvdObjective(settings(), stage1_steps, seed=3, flows=flows)
        found = objective.loss(network, batch, 0)
        assert flows.asked == asked
        expected = SelfHvdObjective(settings(), stage1_steps, seed=3, flows=Still()).loss(network, own, 0)
        assert found.total.item() == pytest.approx(expected.total.item(), abs=1e-6)
        assert found.terms.keys() == expected.terms.keys()


def test_another_selection_gives_other_labels():
    reader = MadeReader()
    chosen = {clip.key: np.arange(6) == 5 for clip in reader.clips}
    made = AlignedClips(reader, chosen, Still(), settings())
    last = reader.read(KEY, "blur", [5] * 6)
    np.testing.assert_array_equal(made.read(KEY, WARPED, range(6)), last)


def scheme(**engine: object) -> SelfHvd:
    values = VALUES | {
        "network": "made_training:OneConvolution",
        "window": {"crop_px": 16, "clip_frames": 4},
        "engine": {"steps": 6, "learning_rate": 1e-2, "validation": {"clips": 1, "frames": 2}, **engine},
    }
    return SelfHvd(SelfHvdSettings.model_validate(values))


def test_a_training_is_the_same_from_memory_from_a_file_and_with_workers(tmp_path, monkeypatch):
    seen: list[str] = []

    def progress(done: int, total: int, what: str) -> None:
        seen.append(what)

    in_memory, _ = train_scheme(scheme(), MadeReader(), None, Budget(progress=progress))
    assert seen[:4] == ["align"] * 4  # two clips of six frames, four at a time
    monkeypatch.setattr(aligned_clips, "_MOST_IN_MEMORY", 0)
    from_file, _ = train_scheme(scheme(workers=1), MadeReader(), tmp_path / "run", Budget())
    for name, value in in_memory.state_dict().items():
        assert torch.equal(value, from_file.state_dict()[name])
    assert {path.name for path in (tmp_path / "run").iterdir()} >= {"log.jsonl"}
    assert not [path for path in (tmp_path / "run").iterdir() if path.name.startswith("tmp")]


def test_flow_on_the_output_cannot_be_kept():
    with pytest.raises(RecipeError, match="cache needs on = 'input'"):
        check("recipe", {"flow": {"cache": True}}, SelfHvdObjectiveSettings)
