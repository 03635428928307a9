"""What several modules of these tests need."""

import pytest

from . import small_gates


@pytest.fixture(scope="session")
def small_ice40(tmp_path_factory):
    """`small_gates.network`, placed and routed for an iCEBreaker."""
    return small_gates.built("icebreaker", small_gates.network(), tmp_path_factory.mktemp("ice40"))
