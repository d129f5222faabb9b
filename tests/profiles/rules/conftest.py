"""What holds for every kind of rule is asserted in `calls`, whose failures are to be told in full."""

import pytest

pytest.register_assert_rewrite("tests.profiles.rules.calls")
