import pytest
import torch


@pytest.fixture(autouse=True, scope="session")
def one_thread():
    """These networks are too small for two, and other tests run beside them."""
    torch.set_num_threads(1)
