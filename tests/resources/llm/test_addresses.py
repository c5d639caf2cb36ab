import pytest

from evergrow.resources.llm import EndpointError
from evergrow.resources.llm.addresses import NO_KEY, OPENAI_URL, Address, address_of
from evergrow.resources.settings import SettingsError, load_settings
from evergrow.resources.settings.endpoints import Endpoint


def test_the_settings_go_before_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", "http://environment/v1")
    monkeypatch.setenv("MY_KEY", "mine")

    assert address_of("a", Endpoint()) == ("http://environment/v1", NO_KEY)
    assert address_of("a", Endpoint(base_url="http://x/v1", api_key_env="MY_KEY")) == ("http://x/v1", "mine")


def test_a_key_alone_means_openai_and_an_empty_one_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-1")
    assert address_of("a", Endpoint()) == (OPENAI_URL, "sk-1")

    monkeypatch.setenv("OPENAI_API_KEY", "")
    monkeypatch.setenv("OPENAI_BASE_URL", "")
    with pytest.raises(EndpointError, match="set the environment variable OPENAI_API_KEY"):
        address_of("a", Endpoint())


@pytest.mark.parametrize(
    "url", ["localhost:8000/v1", "http://", "http://h:99999/v1", "not a url", "http://[::1", "ftp://x"]
)
def test_what_is_no_url_is_named_with_its_source(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", url)
    with pytest.raises(EndpointError, match="OPENAI_BASE_URL"):
        address_of("a", Endpoint())

    with pytest.raises(SettingsError, match=r"endpoints\.default\.base_url"):
        load_settings({"endpoints": {"default": {"base_url": url}}})


def test_secrets_in_a_url_are_not_shown() -> None:
    address = Address("https://user:secret@host:8443/v1?api-key=secret", "key")

    assert address.shown == "https://host:8443/v1"
