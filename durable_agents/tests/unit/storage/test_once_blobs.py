from durable_agents.storage.once_blobs import open_blob, open_container


def test_one_identity_with_its_token_is_for_all_of_the_process() -> None:
    account = "https://account.blob.core.windows.net"
    with open_blob(account, "drafts", "one") as first, open_container(account, "articles") as second:
        assert first.credential is second.credential
