"""Load methods from recipes: ``recipes/methods/<name>.toml`` names a scheme, its settings, and where they come from."""

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
    """The values of a method's TOML file."""

    title: str
    """One line for tables and pages."""
    scheme: Annotated[str, Part("scheme")]
    """Scheme of the method: a name of ``hvdbench.catalog.SCHEMES``, or an import string."""
    note: str = ""
    """Facts that a reader of a table must know: what is off, and what is not the paper's."""
    needs: str = ""
    """Requirements: weights, memory, time."""
    settings: Annotated[dict[str, object], SettingsOf("scheme")] = {}
    """Settings of the scheme, checked by its ``Settings`` model."""
    provenance: dict[str, str] = {}
    """Origin of the values: ``paper``, ``code`` or ``ours`` and the reason, by setting."""


@dataclass(frozen=True)
class Method:
    """A scheme with its settings and its weights, opened once and ready to restore; picklable, for a worker process.

    Attributes:
        reference: text that the method was opened by: a recipe's name or file, or a foreign model
            (:func:`hvdbench.methods.opening.open_method`).
        recipe: name and values of the recipe; the values include every setting of the scheme, defaults too.
        scheme: object that restores; it is a :class:`hvdbench.methods.scheme.TrainedScheme` if it is trained over clips
            first.
        label: name on boards, if that is not the recipe's name.
        stands_in_for: reference that was asked for, if this method replaces it because it has no weights.
    """

    reference: str
    recipe: Recipe[MethodSettings]
    scheme: Scheme[Settings]
    label: str | None = None
    stands_in_for: str | None = None

    @property
    def name(self) -> str:
        """The name on boards and under ``runs``."""
        return self.label or self.recipe.name

    @property
    def preset(self) -> str | None:
        """The preset, ``tiny`` for ``estrnn@tiny``; None for the full size."""
        return NamedPreset.parse(self.reference).preset

    @property
    def digest(self) -> str:
        """The hash of what changes the frames, the scheme and its identity; titles and notes do not enter it."""
        return digest_of([self.recipe.values.scheme, self.scheme.identity])

    @property
    def made_from(self) -> str | None:
        """The origin of the frames, in words for a board, if they come from more than the clip; else None."""
        return self.scheme.made_from

    @property
    def is_trained(self) -> bool:
        """Whether the scheme needs weights from a training over clips."""
        return self.scheme.is_trained

    @property
    def has_network(self) -> bool:
        """Whether the method runs a network with weights, so that frames can go through it one after the other."""
        return self.scheme.has_network

    @property
    def weights(self) -> Path | None:
        """The trained weights that the method restores with; None if it needs none, or has none yet."""
        return self.scheme.weights

    @property
    def trained_scheme(self) -> TrainedScheme[Settings]:
        """The scheme of a method that is trained over clips.

        Raises:
            InputError: if the method is fitted to each clip, or learns nothing.
        """
        if not isinstance(self.scheme, TrainedScheme):
            raise InputError(f"method '{self.reference}' has nothing to train: it restores any clip as it is")
        return self.scheme

    def restore(self, blurry: Frames, labels: SharpLabels, budget: Budget) -> Restoration:
        """Restore a clip, uint8 RGB (T, H, W, 3).

        Raises:
            WeightsError: if the method is trained over clips first, and has no weights.
            HvdbenchError: under the conditions of the scheme's ``restore``.
        """
        self._check_weights()
        try:
            return self.scheme.restore(blurry, labels, budget)
        except SystemExit as error:  # the scheme may be others'
            raise FitError(
                f"method '{self.name}' calls sys.exit as it restores: let it raise an error instead"
            ) from error

    def open(self) -> "VideoNetwork":
        """Build the method's network and load its weights.

        Raises:
            InputError: if the method does not run a network.
            WeightsError: if the weights are missing, damaged, or belong to another network.
        """
        self._check_weights()
        return self.scheme.open()

    def with_weights(self, weights: Path) -> "Method":
        """Return this method, which is trained over clips, with the weights to restore with."""
        return replace(self, scheme=self.trained_scheme.with_weights(weights))

    def with_scheme(self, scheme: Scheme[Settings]) -> "Method":
        """Return the method with another scheme of its kind; in its recipe, only the settings change."""
        values = self.recipe.values.model_copy(update={"settings": scheme.settings.model_dump(mode="json")})
        return replace(self, recipe=Recipe(self.recipe.name, values), scheme=scheme)

    @property
    def takes_fit_steps(self) -> bool:
        """Whether the method is fitted or can be adapted to each clip, in a number of steps that can be set."""
        return self.scheme.adapts or self.scheme.fit_steps > 0

    def with_fit_steps(self, steps: int | None) -> "Method":
        """Return the method with this number of steps on each clip, or as it is for None.

        Raises:
            InputError: if the method has no such steps.
        """
        if steps is None:
            return self
        if not self.takes_fit_steps:
            raise InputError(f"method '{self.name}' has no steps that --minutes or --steps could set: leave it out")
        return self.with_scheme(self.scheme.with_fit_steps(steps))

    def _check_weights(self) -> None:
        if self.is_trained and self.weights is None:
            raise WeightsError(f"method '{self.name}' needs weights, but none were given: name them with --weights")


def load_method(name: str, *, overrides: Mapping[str, object] | None = None, trust: bool = False) -> Method:
    """Load a method by its recipe's name (``selfhvd_fusion``, ``selfhvd_basicvsrpp@tiny``) or file.

    Args:
        name: name or file of the recipe.
        overrides: settings of the scheme that replace the recipe's.
        trust: whether import strings and commands inside the recipe's file may run.

    Raises:
        UnknownNameError: if there is no such recipe or scheme.
        RecipeError: if the recipe or the scheme does not know a key or a value.
        InputError: if the scheme's hooks are misspelt, missing, or of another kind.
        TrustError: if the file names code to run and is not trusted.
    """
    laid_over = {"settings": dict(overrides)} if overrides else None
    return build_method(name, load_recipe("methods", name, MethodSettings, overrides=laid_over, trust=trust))


def build_method(reference: str, recipe: Recipe[MethodSettings]) -> Method:
    """Make the method of a recipe.

    Args:
        reference: text that the method was opened by.
        recipe: name and values of the recipe; settings that are left out are filled in.

    Raises:
        UnknownNameError: if there is no such scheme.
        RecipeError: if the scheme does not know a key or a value.
        InputError: if the scheme's hooks are misspelt, missing, or of another kind.
    """
    kind = scheme_class(recipe.values.scheme)
    settings = check(f"{recipe.name}: [settings]", recipe.values.settings, kind.Settings)
    resolved = recipe.values.model_copy(update={"settings": settings.model_dump(mode="json")})
    scheme = kind(settings)
    vars(scheme).setdefault("settings", settings)  # a foreign __init__ may store them under another name
    return Method(reference, Recipe(recipe.name, resolved), scheme)
