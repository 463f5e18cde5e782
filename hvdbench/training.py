"""Weights on disk: train a method over a dataset's clips once, use them again."""

import json
from pathlib import Path

from hvdbench.atomic import atomic_path, atomic_write_text
from hvdbench.errors import DatasetError
from hvdbench.methods.recipe import Method
from hvdbench.methods.restoration import Budget, Progress, silent
from hvdbench.recipe import digest_of
from hvdbench.runs import file_sha256, labels_of, versions
from hvdbench.store import ClipFolder, Dataset


def train_method(
    method: Method,
    dataset: Dataset,
    *,
    runs: Path,
    seed: int = 0,
    device: str = "cpu",
    workers: int = 1,
    overwrite: bool = False,
    progress: Progress = silent,
) -> Path:
    """Train a method on a dataset's clips, without their truth; finished weights of the same digest are used again.

    Returns:
        ``runs/<method>/<dataset>/weights.safetensors``, with ``train.json`` beside it.

    Raises:
        DatasetError: weights from other settings lie there and ``overwrite`` is off.
    """
    from safetensors.torch import save_file

    from hvdbench.methods.selfhvd_dataset import align_clip

    folder = runs / method.name / dataset.name
    weights, manifest_path = folder / "weights.safetensors", folder / "train.json"
    labels = {clip.folder: labels_of(clip) for clip in dataset.clips()}
    digest = digest_of([method.digest, dataset.digest, [v.is_selected.tolist() for v in labels.values()], seed])
    if weights.is_file() and manifest_path.is_file():
        found = json.loads(manifest_path.read_text(encoding="utf-8"))
        if found["digest"] == digest and found["weights_sha256"] == file_sha256(weights):
            progress(1, 1, "train")
            return weights
        if not overwrite:
            raise DatasetError(f"{folder} holds weights from other settings: --overwrite them or choose another folder")
    progress(0, 1, "align")
    clips = [
        align_clip(ClipFolder(path).blurry(), found, method.scheme.settings, workers) for path, found in labels.items()
    ]
    network, facts = method.scheme.train(clips, Budget(seed=seed, workers=workers, device=device, progress=progress))
    state = {key: value.detach().cpu().contiguous() for key, value in network.state_dict().items()}
    with atomic_path(weights) as temporary:
        save_file(state, temporary)
    manifest = {
        "method": method.name,
        "recipe": method.recipe.values.model_dump(mode="json"),
        "digest": digest,
        "dataset": dataset.name,
        "dataset_digest": dataset.digest,
        "clips": sorted(dataset.manifest["clips"]),
        "truth_read": False,
        "seed": seed,
        "device": device,
        "weights_sha256": file_sha256(weights),
        "versions": versions(),
        "facts": facts,
    }
    atomic_write_text(manifest_path, json.dumps(manifest, indent=1, sort_keys=True) + "\n")
    return weights
