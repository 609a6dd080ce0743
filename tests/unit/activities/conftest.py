"""Blob Storage for the activities that write to it: an Azurite of the test's own."""

from collections.abc import Iterator

import pytest
from azure.core.credentials import AzureNamedKeyCredential

from tests.support.azurite import CREDENTIAL, running_azurite


@pytest.fixture
def credential() -> AzureNamedKeyCredential:
    """What opens the account of `account_url`."""
    return CREDENTIAL


@pytest.fixture
def account_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The blob service of an Azurite that runs for this test."""
    with running_azurite("blob", tmp_path_factory.mktemp("azurite")) as url:
        yield url
