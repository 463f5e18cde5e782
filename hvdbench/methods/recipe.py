"""Method recipes: ``recipes/methods/<name>.toml`` names a scheme, its settings, and where they come from."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from hvdbench.catalog import resolve
from hvdbench.recipe import Recipe, Settings, check, digest_of, load_recipe
from hvdbench.recipe.trust import Part, SettingsOf


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
    settings: Annotated[dict[str, Any], SettingsOf("scheme")] = {}
    """The scheme's own settings, checked by its ``Settings`` model."""
    provenance: dict[str, str] = {}
    """Where values come from: setting → ``paper``, ``code`` or ``ours``, with a word on why."""


@dataclass(frozen=True)
class Method:
    """A named scheme with its settings, ready to restore; picklable, for a worker process.

    Attributes:
        reference: what it was loaded by: a recipe's name or file, or a model of others
            (:func:`hvdbench.methods.opening.open_method`).
        recipe: name and values; these hold every setting of the scheme, defaults too.
        scheme: the object that restores; one that is trained over clips first has ``objective``
            (:class:`hvdbench.methods.training.scheme.TrainedScheme`).
    """

    reference: str
    recipe: Recipe[MethodSettings]
    scheme: Any

    @property
    def name(self) -> str:
        return self.recipe.name

    @property
    def digest(self) -> str:
        """Name what moves a number: the scheme and all its settings; titles and notes may be reworded.

        A scheme that reads files of its own has an ``identity``, which names them by what they hold, not where.
        """
        return digest_of([self.recipe.values.scheme, getattr(self.scheme, "identity", self.recipe.values.settings)])

    @property
    def made_from(self) -> str | None:
        """Word for a board what its frames were made from, where the scheme brings more than the clip."""
        return getattr(self.scheme, "made_from", None)

    @property
    def is_trained(self) -> bool:
        """Whether the scheme needs weights from a training over clips."""
        return hasattr(self.scheme, "objective")

    @property
    def has_network(self) -> bool:
        """Whether it runs a network with weights, so that frames can go through it one after the other."""
        return self.is_trained or hasattr(self.scheme, "open")


def load_method(name: str, *, overrides: Mapping[str, Any] | None = None, trust: bool = False) -> Method:
    """Load a method by its recipe's name (``selfhvd_fusion``, ``selfhvd_basicvsrpp@tiny``) or file.

    Args:
        name: of the recipe, or its file.
        overrides: settings of the scheme, laid over the recipe's.
        trust: let the recipe's file name code to run, wherever it lies.

    Raises:
        UnknownNameError: no such recipe or scheme.
        RecipeError: a key or value that the recipe or the scheme does not know.
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
    """
    scheme_class = resolve("scheme", recipe.values.scheme)
    settings = check(f"{recipe.name}: [settings]", recipe.values.settings, scheme_class.Settings)
    resolved = recipe.values.model_copy(update={"settings": settings.model_dump(mode="json")})
    return Method(reference, Recipe(recipe.name, resolved), scheme_class(settings))


def load_trained(method: Method, weights: Path) -> Any:
    """Build a trained method's network and load its weights.

    Raises:
        WeightsError: the file is missing, damaged, or belongs to another network.
    """
    from hvdbench.weights.checkpoints import load_checkpoint
    from hvdbench.weights.fitting import load_into

    network = method.scheme.build()
    load_into(network, load_checkpoint(weights), weights)
    return network.eval()
