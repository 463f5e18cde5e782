"""Every number of every settings model has a lower and an upper bound, and none may be infinite or no number."""

import importlib
import inspect
import pkgutil
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin

import pytest
from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic.fields import FieldInfo

import hvdbench
from hvdbench.camera.index import TrajectorySet
from hvdbench.errors import HvdbenchError
from hvdbench.methods.training.settings import EngineSettings
from hvdbench.recipe import Settings, check
from hvdbench.synth.settings import DatasetSettings

ROOT = Path(__file__).resolve().parents[1]
GOOD: dict[type[Settings], dict[str, Any]] = {
    DatasetSettings: {
        key: value
        for key, value in tomllib.loads((ROOT / "recipes/datasets/demo.toml").read_text()).items()
        if key != "tiny"
    },
    TrajectorySet: next(iter(tomllib.loads((ROOT / "trajectories/index.toml").read_text()).values())),
}
UNBOUNDED: dict[tuple[str, str], str] = {}
"""Numbers without bounds, by model and field, each with the reason; an entry that is not needed fails."""
REFUSED = {float: ("nan", "inf", "-inf", 1e300, -1e300), int: (10**30, -(10**30))}


def settings_models() -> list[type[BaseModel]]:
    """Find the models in all modules of hvdbench."""
    found = set()
    for module in pkgutil.walk_packages(hvdbench.__path__, "hvdbench."):
        for value in vars(importlib.import_module(module.name)).values():
            if inspect.isclass(value) and issubclass(value, BaseModel) and value.__module__.startswith("hvdbench."):
                found.add(value)
    return sorted(found, key=lambda model: (model.__module__, model.__name__))


def numbers(annotation: Any, marks: list[Any]) -> Iterator[tuple[type, list[Any]]]:
    """Yield each number inside a type with the marks that hold for it."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        own = [one for mark in arguments[1:] for one in (mark.metadata if isinstance(mark, FieldInfo) else [mark])]
        yield from numbers(arguments[0], [*marks, *own])
    elif origin is not Literal and arguments:
        is_container = origin in (tuple, list, dict, set, frozenset)  # a mark on a list bounds its length
        for argument in arguments:
            yield from numbers(argument, [] if is_container else marks)
    elif annotation in (int, float):
        yield annotation, marks


def unbounded() -> Iterator[tuple[str, str]]:
    for model in settings_models():
        for name, field in model.model_fields.items():
            for kind, marks in numbers(field.annotation, list(field.metadata)):
                adapter = TypeAdapter(Annotated[kind, *marks], config=model.model_config)
                if any(is_taken(adapter, value) for value in REFUSED[kind]):
                    yield model.__name__, name


def is_taken(adapter: TypeAdapter[Any], value: object) -> bool:
    try:
        adapter.validate_python(float(value) if isinstance(value, str) else value)
    except ValidationError:
        return False
    return True


def test_every_number_of_a_recipe_has_bounds() -> None:
    models = settings_models()
    assert len(models) > 60
    assert DatasetSettings in models
    assert EngineSettings in models
    assert set(unbounded()) == set(UNBOUNDED)


def test_the_walk_finds_numbers_in_lists_tables_and_unions() -> None:
    class Loose(Settings):
        one: float | None = None
        many: tuple[int, ...] = ()
        table: dict[str, float] = {}

    found = [kind for field in Loose.model_fields.values() for kind, _ in numbers(field.annotation, [])]
    assert found == [float, int, float]
    assert is_taken(TypeAdapter(float), 1e300)


@pytest.mark.parametrize(
    ("model", "key", "value"),
    [
        (DatasetSettings, "fps", 1e300),
        (DatasetSettings, "fps", 0),
        (DatasetSettings, "readout_s", float("nan")),
        (DatasetSettings, "exposure_share", [0.5, float("inf")]),
        (DatasetSettings, "size", [10**9, 10**9]),
        (DatasetSettings, "frames_per_clip", 10**12),
        (DatasetSettings, "max_clips", 10**30),
        (EngineSettings, "steps", 10**30),
        (EngineSettings, "betas", [0.9, 1.0]),
        (EngineSettings, "rates", {"spynet": -1.0}),
        (TrajectorySet, "fps", 1e9),
    ],
)
def test_a_value_out_of_range_ends_in_a_sentence_that_names_its_key(
    model: type[Settings], key: str, value: object
) -> None:
    good = GOOD.get(model, {})
    check("a recipe", good, model)
    with pytest.raises(HvdbenchError, match=f"a recipe.*{key}"):
        check("a recipe", good | {key: value}, model)
