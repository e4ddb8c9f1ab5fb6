import os

import pytest


def pytest_addoption(parser):
    parser.addoption("--endpoint", default=os.environ.get("MILLSTREAM_ENDPOINT", "http://127.0.0.1:4566"))


@pytest.fixture(scope="session")
def endpoint(pytestconfig):
    return pytestconfig.getoption("--endpoint")
