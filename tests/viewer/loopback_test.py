"""Other hosts' names, other sites' pages and other kinds of bodies are refused; the page itself is not."""

import pytest
from starlette.datastructures import Headers

from lsn_tf.viewer.loopback import LARGEST_BODY, is_loopback, refused

JSON = {"content-type": "application/json", "content-length": "2"}


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "LocalHost", "::1", "[::1]", "127.8.9.1"])
def test_the_loopback_interface_is_known_by_all_its_names(host):
    assert is_loopback(host)


@pytest.mark.parametrize(
    "host", ["", "0.0.0.0", "10.0.0.1", "example.com", "localhost.example.com", "127.0.0.1.nip.io", "::"]
)
def test_everything_else_is_another_machine(host):
    assert not is_loopback(host)


@pytest.mark.parametrize("host", ["127.0.0.1:8080", "localhost", "[::1]:8080", "[::1]"])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_reading_needs_a_host_of_this_machine(method, host):
    assert refused(method, Headers({"host": host})) == ""


@pytest.mark.parametrize(
    "host", ["", "evil.example:8080", "127.0.0.1.evil.example", "[::2]:80", "evil.example:127.0.0.1"]
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_dns_rebinding_is_refused(method, host):
    assert "expected a Host of this machine" in refused(method, Headers({"host": host, **JSON}))


@pytest.mark.parametrize("origin", [None, "http://127.0.0.1:80"])
def test_the_page_may_ask(origin):
    headers = {"host": "127.0.0.1:80", **JSON} | ({"origin": origin} if origin else {})
    assert refused("POST", Headers(headers)) == ""
    assert refused("POST", Headers(headers | {"sec-fetch-site": "same-origin"})) == ""


@pytest.mark.parametrize(
    "headers, words",
    [
        ({"origin": "http://evil.example"}, "expected the origin of this page"),
        ({"origin": "null"}, "expected the origin of this page"),
        ({"origin": "http://127.0.0.1:81"}, "expected the origin of this page"),
        ({"sec-fetch-site": "cross-site"}, "expected a request of this page"),
        ({"content-type": "text/plain"}, "expected application/json"),
        ({"content-type": "application/x-www-form-urlencoded"}, "expected application/json"),
        ({"content-length": str(LARGEST_BODY + 1)}, "expected a body of at most"),
        ({"content-length": "-1"}, "expected a body of at most"),
    ],
)
def test_other_sites_pages_may_not(headers, words):
    assert words in refused("POST", Headers({"host": "127.0.0.1:80", **JSON, **headers}))
    missing = {name: value for name, value in JSON.items() if name != "content-length"}
    assert "no length" in refused("POST", Headers({"host": "127.0.0.1:80", **missing}))
