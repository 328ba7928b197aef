"""A program that follows the feed, and can be killed at any moment: `python -m tests.api.feed_reader PORT KEY FILE`.

It keeps each answer in one line of its file: the movements and the next cursor together, as a shop's program has to. A
line that it could not finish does not count.
"""

import http.client
import json
import os
import sys
from pathlib import Path
from typing import Any


def read_pages(file: Path) -> list[dict[str, Any]]:
    """The answers that were stored completely."""
    text = file.read_text() if file.exists() else ""
    return [json.loads(line) for line in text.split("\n")[:-1] if line]


def follow(port: int, key: str, file: Path) -> None:
    """Follow the feed from where the file ends, for ever."""
    pages = read_pages(file)
    file.write_text("".join(f"{json.dumps(each)}\n" for each in pages))  # without an unfinished line
    position = pages[-1]["next"] if pages else None
    connection = http.client.HTTPConnection("127.0.0.1", port)
    descriptor = os.open(file, os.O_WRONLY | os.O_APPEND)
    while True:
        after = f"&after={position}" if position else ""
        connection.request(
            "GET", f"/api/v1/movements/feed?wait=2&limit=7{after}", headers={"Authorization": f"Bearer {key}"}
        )
        document = json.loads(connection.getresponse().read())
        if document["movements"]:
            os.write(descriptor, f"{json.dumps(document)}\n".encode())
            position = document["next"]


if __name__ == "__main__":
    follow(int(sys.argv[1]), sys.argv[2], Path(sys.argv[3]))
