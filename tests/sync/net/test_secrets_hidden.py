"""Errors of the HTTP client contain no secrets of the request."""

import traceback
from typing import Any

import pytest

from pointsync.net.call import TransientCallError
from pointsync.net.http_client import HttpClient
from tests.support.scripted_server import OK, StartServer, answer_always, get


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": "s3cret\r\nX-Evil: 1"},
        {"Authorization": "s3cret €"},
        {"Authorization": " s3cret"},
        {"Bad name:": "s3cret"},
        {"Ünicode €": "s3cret"},
        {"Authorization": 3},
        {"X-Other": "s3cret\n"},
    ],
)
def test_a_header_that_cannot_be_sent_stays_secret(serve: StartServer, client: HttpClient, headers: Any) -> None:
    server = serve(answer_always(OK))
    with pytest.raises(TransientCallError) as caught:
        get(client, server.url, headers=headers)
    assert (caught.value.code, caught.value.was_sent) == ("bad_answer", False)
    assert "s3cret" not in "".join(traceback.format_exception(caught.value))
    assert server.requests == []


def test_a_message_names_the_host_alone(client: HttpClient) -> None:
    with pytest.raises(TransientCallError) as caught:
        get(client, "http://user:s3cret@shop.invalid/s3cret?pass=s3cret#s3cret", headers={"X": "s3cret"})
    assert caught.value.message.startswith("shop.invalid ")
    assert "s3cret" not in caught.value.message
