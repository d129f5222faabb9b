"""Models of any size without memory: tensors that have a dtype and a shape but no data."""

from npusim.frontends.torch.fake.building import fake
from npusim.frontends.torch.fake.hollow import Hollow, is_fake
from npusim.frontends.torch.fake.reading import assumptions

__all__ = ["Hollow", "assumptions", "fake", "is_fake"]
