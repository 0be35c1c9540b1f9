"""s3: references with the real boto3 against an HTTP server that speaks as much S3 as a GET needs."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from goldenpart.worker.errors import ParkReason, UnreadableFrameError
from goldenpart.worker.references import BucketPictures

pytest.importorskip("boto3", reason="needs the extra s3")

OBJECTS = {"/frames/cam1/a b.png": b"png", "/frames/big.png": bytes(101), "/frames/empty.png": b"", "/secret/key.png": b"secret"}


class Objects(BaseHTTPRequestHandler):
    """Gives the objects by path."""

    def do_GET(self) -> None:
        body = OBJECTS.get(self.path.partition("?")[0].replace("%20", " "))
        if body is None:
            self.send_response(404)
            body = b"<Error><Code>NoSuchKey</Code><Message>gone</Message></Error>"
        else:
            self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Tests are silent."""


@pytest.fixture
def pictures(monkeypatch: pytest.MonkeyPatch) -> Iterator[BucketPictures]:
    for name, value in (("AWS_ACCESS_KEY_ID", "test"), ("AWS_SECRET_ACCESS_KEY", "test"), ("AWS_DEFAULT_REGION", "eu-central-1")):
        monkeypatch.setenv(name, value)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Objects)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    pictures = BucketPictures(["frames"], f"http://127.0.0.1:{server.server_port}")
    yield pictures
    pictures.close()
    server.shutdown()
    thread.join()
    server.server_close()


def test_object_of_an_allowed_bucket_is_read(pictures: BucketPictures) -> None:
    assert pictures.read("s3://frames/cam1/a%20b.png", 100) == b"png"


@pytest.mark.parametrize(
    ("uri", "why"),
    [
        ("s3://secret/key.png", "not in an allowed bucket"),
        ("s3://frames", "not in an allowed bucket"),
        ("s3://frames/none.png", "NoSuchKey"),
        ("s3://frames/big.png", "has 101 bytes; 1 to 100 are allowed"),
        ("s3://frames/empty.png", "has 0 bytes"),
    ],
)
def test_objects_that_are_refused(pictures: BucketPictures, uri: str, why: str) -> None:
    with pytest.raises(UnreadableFrameError, match=why) as caught:
        pictures.read(uri, 100)
    assert caught.value.reason is ParkReason.REFERENCE_REFUSED
