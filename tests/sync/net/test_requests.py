"""The HTTP client sends only what it is given, and returns the response unchanged."""

from pathlib import Path

import pytest

from pointsync.net.http_client import HttpClient
from tests.support.scripted_server import OK, StartServer, answer_always, get


def test_a_response_is_returned_unchanged(client: HttpClient, serve: StartServer) -> None:
    server = serve(answer_always(b"HTTP/1.1 422 No\r\nX-Reason: points\r\nContent-Length: 3\r\n\r\nno!"))
    answer = client.send("POST", server.url + "/in", headers={"X-Key": "k"}, body=b"{}")
    assert (answer.status, answer.body, answer.headers["x-reason"]) == (422, b"no!", "points")
    head, _, body = server.requests[0].partition(b"\r\n\r\n")
    first, *rest = head.split(b"\r\n")
    assert first == b"POST /in HTTP/1.1"
    assert body == b"{}"
    assert sorted(rest) == [
        b"Accept-Encoding: gzip",
        b"Content-Length: 2",
        f"Host: 127.0.0.1:{server.port}".encode(),
        b"User-Agent: PointSync",
        b"X-Key: k",
    ]


def test_the_caller_may_name_the_agent_but_no_other_encoding(client: HttpClient, serve: StartServer) -> None:
    server = serve(answer_always(OK))
    get(client, server.url, headers={"user-agent": "Shop/1", "accept-encoding": "br"})
    assert b"user-agent: Shop/1\r\n" in server.requests[0]
    assert b"PointSync" not in server.requests[0]
    assert b": br" not in server.requests[0]


@pytest.mark.parametrize(
    ("target", "request_target"),
    [
        ("", "/"),
        ("/", "/"),
        ("?a=b", "/?a=b"),
        ("/?", "/?"),
        ("//twice", "//twice"),
        ("/a%2Bb%40c%27d/add", "/a%2Bb%40c%27d/add"),
        ("/%2b%7e%41%2F..%2f", "/%2b%7e%41%2F..%2f"),
        ("/a/../b/./c", "/a/../b/./c"),
        ("/o'neil+x@y.org/5/add?k='\"<>{}|^`[]", "/o'neil+x@y.org/5/add?k='\"<>{}|^`[]"),
        ("/100%/zz%zz", "/100%/zz%zz"),
        ("/naïve x", "/na%C3%AFve%20x"),
        ("/line\r\nX-Evil: 1", "/line%0D%0AX-Evil:%201"),
        ("/page#part", "/page"),
    ],
)
def test_the_target_arrives_as_it_was_given(
    client: HttpClient, serve: StartServer, target: str, request_target: str
) -> None:
    server = serve(answer_always(OK))
    get(client, server.url + target)
    assert server.requests[0].split(b"\r\n")[0] == f"GET {request_target} HTTP/1.1".encode()


def test_the_environment_and_earlier_answers_change_nothing(
    client: HttpClient, serve: StartServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    server = serve(answer_always(b"HTTP/1.1 200 OK\r\nSet-Cookie: a=b; Path=/\r\nContent-Length: 0\r\n\r\n"))
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login shop password secret\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    for _ in range(2):
        assert get(client, server.url, connection_key=1).status == 200
    assert server.requests[0] == server.requests[1]
    assert b"Authorization" not in server.requests[0]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_returned_and_not_followed(client: HttpClient, serve: StartServer, status: int) -> None:
    other = serve(answer_always(OK))
    head = f"HTTP/1.1 {status} Go\r\nLocation: {other.url}/\r\nContent-Length: 2\r\n\r\ngo"
    answer = get(client, serve(answer_always(head.encode())).url)
    assert (answer.status, answer.body, answer.headers["Location"]) == (status, b"go", f"{other.url}/")
    assert other.connections == 0
