"""A vision-language model, small enough for a test: the architecture of Qwen2.5-VL with a rotary table of our own."""

from tinyvl.model import build

__all__ = ["build"]
