"""Stand-ins of vendors' custom operators, so that code written for a chip imports and runs where there is none.

Nothing is defined until `register` is called. Each operator is one row of a table: its schema, what comes out of a
call, and how it is computed with plain torch operators.
"""

from npusim.frontends.torch.vendor_ops.registration import ROWS, ChipOnlyError, explained, importable, missing, register
from npusim.frontends.torch.vendor_ops.table import Row

__all__ = ["ROWS", "ChipOnlyError", "Row", "explained", "importable", "missing", "register"]
