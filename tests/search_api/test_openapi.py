"""Every route against what the OpenAPI document says of it: made-up requests, no server error, replies as declared."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from running_app import free_port, serving, wait_until
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from small_library import SmallLibrary

from resources.settings import Settings
from search_api.client import Loupe
from search_api.main import create_app

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
EXAMPLES = 4
# What passes by itself, or needs what a test has not: declared, and no fault of the server.
UNAVAILABLE = {503, 504, 507}


def document() -> dict[str, Any]:
    return create_app(Settings(home=Path("/nonexistent"))).openapi()


SCHEMA = schemathesis.openapi.from_dict(document())
OPERATIONS = {found.ok().label: found.ok() for found in SCHEMA.get_all_operations()}


@pytest.fixture(scope="module")
def url(small: SmallLibrary, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """An app over a copy that requests may change."""
    home = tmp_path_factory.mktemp("made-up") / "home"
    shutil.copytree(small.settings.home, home, ignore=shutil.ignore_patterns("run", "*.lock"))
    port = free_port()
    changed = {"home": home, "port": port, "browse_roots": (small.photos,), "dagster_port": free_port()}
    with serving(small.settings.model_copy(update=changed)):
        address = f"http://localhost:{port}"
        with Loupe(address) as loupe:
            wait_until(lambda: loupe.get("/health/ready")["model"] == "ready")
        yield address


def requests(operation: Any) -> st.SearchStrategy[Any]:
    """As documented; and, where there is something to get wrong, wrong in one way or another."""
    right = operation.as_strategy()
    if not len(operation.query) and not len(operation.body):
        return right
    return right | operation.as_strategy(generation_mode=schemathesis.GenerationMode.NEGATIVE)


@pytest.mark.slow
@pytest.mark.parametrize("label", sorted(OPERATIONS))
def test_a_route_keeps_its_word(label: str, url: str, small: SmallLibrary) -> None:
    operation = OPERATIONS[label]
    known = [small.photo_id(name) for name in ("red.jpg", "green.jpg", "gold.jpg")]

    # Found alike on each machine: a fault shows where it was made, not some days later.
    @seed(20260101)
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=requests(operation), photo_id=st.sampled_from([*known, None]))
    def keeps_it(case: Any, photo_id: str | None) -> None:
        if photo_id and "photo_id" in (case.path_parameters or {}):
            case.path_parameters["photo_id"] = photo_id
        reply = case.call(base_url=url, timeout=30)
        checks = [check for check in CHECKS if not (check is not_a_server_error and reply.status_code in UNAVAILABLE)]
        case.validate_response(reply, checks=checks)

    keeps_it()
