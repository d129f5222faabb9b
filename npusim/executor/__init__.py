"""Executes operators and OpenCL C kernels with the arithmetic of one device."""

from npusim.executor.buffers import Local, Out
from npusim.executor.executor import Executor, Isolation
from npusim.executor.runtime import Runtime

__all__ = ["Executor", "Isolation", "Local", "Out", "Runtime"]
