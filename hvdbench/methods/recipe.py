"""Method recipes: ``recipes/methods/<name>.toml`` names a scheme, its settings, and where they come from."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hvdbench.catalog import resolve
from hvdbench.recipe import Recipe, Settings, check, digest_of, load_recipe


class MethodSettings(Settings):
    """What a method's TOML file holds."""

    title: str
    """One line for tables and pages."""
    scheme: str
    """A name of ``hvdbench.catalog.SCHEMES`` or an import string."""
    note: str = ""
    """What a reader of a table must know: what is off, what is ours."""
    settings: dict[str, Any] = {}
    """The scheme's own settings, checked by its ``Settings`` model."""
    provenance: dict[str, str] = {}
    """Where values come from: setting → ``paper``, ``code`` or ``ours``, with a word on why."""


@dataclass(frozen=True)
class Method:
    """A named scheme with its settings, ready to restore.

    Attributes:
        reference: what it was loaded by: a recipe's name or file.
        recipe: name and values; these hold every setting of the scheme, defaults too.
        scheme: the object that restores; one that must be trained first has ``train``.
    """

    reference: str
    recipe: Recipe[MethodSettings]
    scheme: Any

    @property
    def name(self) -> str:
        return self.recipe.name

    @property
    def digest(self) -> str:
        """Name what moves a number: the scheme and all its settings; titles and notes may be reworded."""
        return digest_of([self.recipe.values.scheme, self.recipe.values.settings])

    @property
    def is_trained(self) -> bool:
        """Whether the scheme needs weights from a training over clips."""
        return hasattr(self.scheme, "train")


def load_method(name: str) -> Method:
    """Load a method by its recipe's name (``selfhvd_fusion``, ``selfhvd_basicvsrpp@tiny``) or file.

    Raises:
        UnknownNameError: no such recipe or scheme.
        RecipeError: a key or value that the recipe or the scheme does not know.
    """
    recipe = load_recipe("methods", name, MethodSettings)
    scheme_class = resolve("scheme", recipe.values.scheme)
    settings = check(f"{recipe.name}: [settings]", recipe.values.settings, scheme_class.Settings)
    resolved = recipe.values.model_copy(update={"settings": settings.model_dump(mode="json")})
    return Method(name, Recipe(recipe.name, resolved), scheme_class(settings))


def load_trained(method: Method, weights: Path) -> Any:
    """Build a trained method's network and load its weights.

    Raises:
        WeightsError: the file is missing, damaged, or belongs to another network.
    """
    from hvdbench.weights import load_checkpoint, load_into

    network = method.scheme.build()
    load_into(network, load_checkpoint(weights), weights)
    return network.eval()
