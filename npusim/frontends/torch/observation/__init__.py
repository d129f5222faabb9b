"""Watch what a model computes: where numbers leave their format, and how far each result is from the truth."""

from npusim.frontends.torch.observation.finiteness import Finiteness
from npusim.frontends.torch.observation.results import Accuracy, Kind, Observation
from npusim.frontends.torch.observation.shadow import Shadow
from npusim.frontends.torch.observation.text import accuracy_text, observation_text

__all__ = ["Accuracy", "Finiteness", "Kind", "Observation", "Shadow", "accuracy_text", "observation_text"]
