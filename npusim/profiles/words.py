"""The words that profiles and verdicts share: how sure, where, and what a stack does on a rejection."""

from enum import StrEnum


class Confidence(StrEnum):
    """How sure a fact is."""

    DOCUMENTED = "documented"
    MEASURED = "measured"
    INFERRED = "inferred"
    UNKNOWN = "unknown"


class Placement(StrEnum):
    """Where an operator runs."""

    DEVICE = "device"
    HOST = "host"
    METADATA = "metadata"
    NOWHERE = "nowhere"


class Enforcement(StrEnum):
    """What a stack does on a rejection."""

    ERROR = "error"
    FALLBACK = "fallback"
    NARROW = "narrow"
