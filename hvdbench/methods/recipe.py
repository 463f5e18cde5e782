"""Method recipes: ``recipes/methods/<name>.toml`` names a scheme, its settings, and where they come from."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from hvdbench.catalog import NamedPreset
from hvdbench.errors import FitError, InputError, WeightsError
from hvdbench.frames import Frames
from hvdbench.labels.sharpness import SharpLabels
from hvdbench.methods.restoration import Budget, Restoration
from hvdbench.methods.scheme import Scheme, TrainedScheme
from hvdbench.methods.scheme_check import scheme_class
from hvdbench.recipe import Recipe, Settings, check, digest_of, load_recipe
from hvdbench.recipe.trust import Part, SettingsOf

if TYPE_CHECKING:
    from hvdbench.networks.spec import VideoNetwork


class MethodSettings(Settings):
    """What a method's TOML file holds."""

    title: str
    """One line for tables and pages."""
    scheme: Annotated[str, Part("scheme")]
    """A name of ``hvdbench.catalog.SCHEMES`` or an import string."""
    note: str = ""
    """What a reader of a table must know: what is off, what is ours."""
    needs: str = ""
    """What it takes: weights, memory, time."""
    settings: Annotated[dict[str, object], SettingsOf("scheme")] = {}
    """The scheme's own settings, checked by its ``Settings`` model."""
    provenance: dict[str, str] = {}
    """Where values come from: setting → ``paper``, ``code`` or ``ours``, and why."""


@dataclass(frozen=True)
class Method:
    """A scheme with its settings and its weights, opened once and ready to restore; picklable, for a worker process.

    Attributes:
        reference: what it was opened by: a recipe's name or file, or a model of others
            (:func:`hvdbench.methods.opening.open_method`).
        recipe: name and values; these hold every setting of the scheme, defaults too.
        scheme: the object that restores; one that is trained over clips first is a
            :class:`hvdbench.methods.scheme.TrainedScheme`.
        label: what it is called on boards, where that is not the recipe's name.
        stands_in_for: the reference that was asked for, where this method stands in since that one has no weights.
    """

    reference: str
    recipe: Recipe[MethodSettings]
    scheme: Scheme[Settings]
    label: str | None = None
    stands_in_for: str | None = None

    @property
    def name(self) -> str:
        """What it is called on boards and under ``runs``."""
        return self.label or self.recipe.name

    @property
    def preset(self) -> str | None:
        """The preset that it was opened at, ``tiny`` of ``estrnn@tiny``; None: its full size."""
        return NamedPreset.parse(self.reference).preset

    @property
    def digest(self) -> str:
        """What moves a number, hashed: the scheme and its identity; titles and notes may be reworded."""
        return digest_of([self.recipe.values.scheme, self.scheme.identity])

    @property
    def made_from(self) -> str | None:
        """What a board says of the frames' origin, where the scheme brings more than the clip."""
        return self.scheme.made_from

    @property
    def is_trained(self) -> bool:
        """Whether the scheme needs weights from a training over clips."""
        return self.scheme.is_trained

    @property
    def has_network(self) -> bool:
        """Whether it runs a network with weights, so that frames can go through it one after the other."""
        return self.scheme.has_network

    @property
    def weights(self) -> Path | None:
        """The weights of a training that it restores with; None where it needs none, or has none yet."""
        return self.scheme.weights

    @property
    def trained_scheme(self) -> TrainedScheme[Settings]:
        """The scheme of a method that is trained over clips.

        Raises:
            InputError: it is fitted to each clip, or learns nothing.
        """
        if not isinstance(self.scheme, TrainedScheme):
            raise InputError(f"method '{self.reference}' has nothing to train: it is ready for any clip")
        return self.scheme

    def restore(self, blurry: Frames, labels: SharpLabels, budget: Budget) -> Restoration:
        """Restore a clip, uint8 RGB (T, H, W, 3).

        Raises:
            WeightsError: it is trained over clips first, and has no weights.
            HvdbenchError: as its scheme.
        """
        self._check_weights()
        try:
            return self.scheme.restore(blurry, labels, budget)
        except SystemExit as error:  # the scheme may be others'
            raise FitError(
                f"method '{self.name}' calls sys.exit as it restores: let it raise an error instead"
            ) from error

    def open(self) -> "VideoNetwork":
        """Make its network, with its weights.

        Raises:
            InputError: it has none.
            WeightsError: the weights are missing, damaged, or belong to another network.
        """
        self._check_weights()
        return self.scheme.open()

    def with_weights(self, weights: Path) -> "Method":
        """Return a method that is trained over clips with the weights that it is to restore with."""
        return replace(self, scheme=self.trained_scheme.with_weights(weights))

    def with_scheme(self, scheme: Scheme[Settings]) -> "Method":
        """Return the method with another scheme of its kind, its recipe the same but for the settings."""
        values = self.recipe.values.model_copy(update={"settings": scheme.settings.model_dump(mode="json")})
        return replace(self, recipe=Recipe(self.recipe.name, values), scheme=scheme)

    def for_minutes(self, minutes: float | None) -> "Method":
        """Return the method with its steps scaled to about this many minutes on one core; None leaves them.

        Raises:
            InputError: the method has no steps to scale.
        """
        if minutes is None:
            return self
        if not self.scheme.fit_steps:
            raise InputError(f"method '{self.name}' fits nothing, so --minutes has nothing to set")
        return self.with_scheme(self.scheme.for_minutes(minutes))

    def _check_weights(self) -> None:
        if self.is_trained and self.weights is None:
            raise WeightsError(f"method '{self.name}' needs weights and none were given")


def load_method(name: str, *, overrides: Mapping[str, object] | None = None, trust: bool = False) -> Method:
    """Load a method by its recipe's name (``selfhvd_fusion``, ``selfhvd_basicvsrpp@tiny``) or file.

    Args:
        name: of the recipe, or its file.
        overrides: settings of the scheme, laid over the recipe's.
        trust: whether import strings and commands inside the recipe's file may run.

    Raises:
        UnknownNameError: no such recipe or scheme.
        RecipeError: a key or value that the recipe or the scheme does not know.
        InputError: the scheme's hooks are misspelt, missing, or of another kind.
        TrustError: the file names code to run and is not trusted.
    """
    laid_over = {"settings": dict(overrides)} if overrides else None
    return build_method(name, load_recipe("methods", name, MethodSettings, overrides=laid_over, trust=trust))


def build_method(reference: str, recipe: Recipe[MethodSettings]) -> Method:
    """Make a recipe's scheme.

    Args:
        reference: what the method goes by.
        recipe: name and values; settings that are left out are filled in.

    Raises:
        UnknownNameError: no such scheme.
        RecipeError: a key or value that the scheme does not know.
        InputError: the scheme's hooks are misspelt, missing, or of another kind.
    """
    kind = scheme_class(recipe.values.scheme)
    settings = check(f"{recipe.name}: [settings]", recipe.values.settings, kind.Settings)
    resolved = recipe.values.model_copy(update={"settings": settings.model_dump(mode="json")})
    scheme = kind(settings)
    vars(scheme).setdefault("settings", settings)  # an __init__ of others may keep them under another name
    return Method(reference, Recipe(recipe.name, resolved), scheme)
