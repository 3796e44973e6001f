"""Pictures that were made to do harm: each is refused with a code, costs little, and the next one is read."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient
from PIL import Image
from small_library import SmallLibrary


def png(width: int, height: int, scanlines: bytes) -> bytes:
    """A PNG of grey pixels whose content is given as it stands."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    body = zlib.compress(scanlines, 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


def jpeg(size: tuple[int, int] = (640, 480)) -> bytes:
    pixels = np.random.default_rng(1).integers(0, 255, (size[1], size[0], 3), dtype=np.uint8)
    written = io.BytesIO()
    Image.fromarray(pixels).save(written, "JPEG")
    return written.getvalue()


def tiff_that_points_at_itself() -> bytes:
    """Its directory says that the next one is itself."""
    return b"II*\0" + struct.pack("<IH", 8, 1) + struct.pack("<HHII", 256, 4, 1, 10) + struct.pack("<I", 8)


def archive() -> bytes:
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr("zeros", bytes(50 << 20))
    return written.getvalue()


REFUSED = {
    "a bomb of 60,000 x 60,000 pixels in a few kB": png(60_000, 60_000, bytes(1 << 20)),
    "sides of 2^31": png(2**31 - 1, 2**31 - 1, b""),
    "a JPEG that says 65,535 x 65,535": jpeg().replace(
        struct.pack(">HH", 480, 640), struct.pack(">HH", 65_535, 65_535), 1
    ),
    "a page of HTML": b"<!doctype html><script>alert(1)</script>",
    "a drawing with a script": b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>",
    "a program": b"\x7fELF" + bytes(4096),
    "an archive of zeros": archive(),
    "a TIFF that points at itself": tiff_that_points_at_itself(),
    "a head alone": jpeg()[:20],
    "a GIF that is a script": b"GIF89a/*" + b"*/=alert(1);",
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_made_to_do_harm_is_refused_and_the_next_picture_is_read(
    client: TestClient, small: SmallLibrary, name: str
) -> None:
    reply = sent(client, REFUSED[name])
    assert 400 <= reply.status_code < 500, reply.text
    assert reply.json()["error"]["code"] in (
        "NOT_AN_IMAGE", "UNSUPPORTED_FORMAT", "TRUNCATED", "CORRUPT", "TOO_LARGE", "EMPTY_FILE", "DECODE_TIMEOUT",
    )  # fmt: skip
    assert "Traceback" not in reply.text
    assert "alert" not in reply.text
    whole = sent(client, (small.photos / "Garden/violet.jpg").read_bytes())
    assert whole.json()["hits"][0]["file_name"] == "violet.jpg"


def test_a_picture_that_is_an_archive_too_is_read_as_a_picture_alone(client: TestClient, small: SmallLibrary) -> None:
    both = (small.photos / "Garden/violet.jpg").read_bytes() + archive()
    reply = sent(client, both)
    assert reply.status_code == 200
    assert reply.json()["hits"][0]["file_name"] == "violet.jpg"


def test_the_name_and_kind_that_an_upload_gives_itself_mean_nothing(client: TestClient, small: SmallLibrary) -> None:
    picture = (small.photos / "Garden/violet.jpg").read_bytes()
    for given in ("../../../../etc/cron.d/evil", "/etc/passwd", "a\x00.php", "x" * 3000 + ".html"):
        files = {"image": (given, picture, "text/html")}
        reply = client.post("/api/v1/search/image", files=files)
        assert reply.status_code == 200, given
        assert reply.headers["content-type"] == "application/json"


@pytest.mark.parametrize(
    "form",
    [
        {"files": [("image", b"x")] * 2000},
        {"data": {f"field{number}": "x" for number in range(3000)}, "files": {"image": b"x"}},
        {"files": {"image": b"x"}, "data": {"query": "{" * 100_000}},
        {"files": {"image": b"x"}, "data": {"query": '{"text": ' + "[" * 50_000}},
        {"content": b"--x\r\n" * 1000, "headers": {"Content-Type": "multipart/form-data; boundary=x"}},
        {"content": b"", "headers": {"Content-Type": "multipart/form-data"}},
    ],
)
def test_forms_that_are_made_to_do_harm_are_refused(client: TestClient, form: dict[str, Any]) -> None:
    reply = client.post("/api/v1/search/image", **form)
    assert 400 <= reply.status_code < 500, reply.text[:500]


def test_json_nested_without_end_is_refused(client: TestClient) -> None:
    reply = client.post(
        "/api/v1/search", content=b'{"texts":' + b"[" * 1_000_000, headers={"Content-Type": "application/json"}
    )
    assert reply.status_code in (400, 422)
    assert reply.json()["error"]["code"] == "INVALID_REQUEST"


def sent(client: TestClient, picture: bytes) -> Any:
    return client.post("/api/v1/search/image", files={"image": ("picture.jpg", picture, "image/jpeg")})
