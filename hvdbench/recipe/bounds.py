"""Upper bounds of numbers in recipes, so that a slip of the pen ends in a sentence before any work.

Each is far above what any recipe or paper uses, and low enough for the sizes that follow from it to be numbers still. A
bound that physics or a format gives stands beside the value itself.
"""

from typing import Annotated

from pydantic import Field

MOST_STEPS = 10_000_000
"""Steps of an optimiser, and whatever is counted in them; a hundred times SelfHVD's trainings."""
MOST_BATCH = 4096
"""Samples of one step, or items that are computed at once."""
MOST_RATE = 1.0
"""A learning rate; above 1 no optimiser of these networks converges."""
MOST_WEIGHT = 1e6
"""The weight of a loss or of a choice beside others; also the bound of norms and factors without a unit."""
MOST_CHANNELS = 4096
MOST_BLOCKS = 1000
"""Blocks or layers of a network."""
MOST_PX = 16_384
"""Sides of crops and tiles, margins, and lengths of blur, px; 16K video is 15360 wide."""
MOST_FRAMES = 1_000_000
"""Frames of a window or clip: 9 hours at 30 a second."""
MOST_CLIPS = 10_000_000
"""Clips, pairs and other things that a dataset or a release has many of."""
MOST_ROUNDS = 1000
"""Repetitions of a whole stage."""
MOST_FPS = 100_000.0
"""Frames per second; also the rate of a camera path, Hz."""
MOST_SECONDS = 31_536_000.0
"""A year, s."""
MOST_SEED = 2**63 - 1

Betas = tuple[Annotated[float, Field(ge=0, lt=1)], Annotated[float, Field(ge=0, lt=1)]]
"""Adam's decay rates of the two moments."""
