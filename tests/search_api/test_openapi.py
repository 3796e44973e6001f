"""Every route against what the OpenAPI document says of it: made-up requests, no server error, replies as declared."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
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
from small_library import PRESET, SmallLibrary

from resources.manifest import collections, jobs, roots
from resources.photo_map import store_map
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
# Asked with names that are made up alone: what the others ask about is to stay.
ENDS_ALL = {"DELETE /api/v1/folders/{root_id}"}


@dataclass(frozen=True)
class App:
    """Where it answers, and what its library has, by the name of the parameter that asks for it."""

    url: str
    known: dict[str, list[str]]


def document() -> dict[str, Any]:
    return create_app(Settings(home=Path("/nonexistent"))).openapi()


SCHEMA = schemathesis.openapi.from_dict(document())
OPERATIONS = {found.ok().label: found.ok() for found in SCHEMA.get_all_operations()}


@pytest.fixture(scope="module")
def app(small: SmallLibrary, tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    """An app over a copy that requests may change."""
    home = tmp_path_factory.mktemp("made-up") / "home"
    shutil.copytree(small.settings.home, home, ignore=shutil.ignore_patterns("run", "*.lock"))
    port = free_port()
    changed = {"home": home, "port": port, "browse_roots": (small.photos,), "dagster_port": free_port()}
    own = SmallLibrary(small.settings.model_copy(update=changed), small.photos)
    with own.library.manifest.write() as tx:
        (root,) = roots.rows(tx)
        jobs.start(tx, "ended", "ingest", "1 folder", {"folders": ["garden~0123456789"]})
        jobs.progress(tx, "ended", {"decoded_images": {"done": 3, "total": 8}}, 1.5, 3.0)
        jobs.finish(tx, "ended", "failed", "CORRUPT", "It was cut short.")
        collections.create(tx, "Known")
    known = {
        "photo_id": [own.photo_id(name) for name in ("red.jpg", "green.jpg", "gold.jpg", "pink.jpg")],
        "root_id": [root["root_id"]],
        "job_id": ["ended"],
        "name": ["Known"],
    }
    ids = sorted(known["photo_id"])
    store_map(own.library, PRESET, ids, np.linspace(-1, 1, 2 * len(ids), dtype=np.float32).reshape(-1, 2))
    with serving(own.settings):
        address = f"http://localhost:{port}"
        with Loupe(address) as loupe:
            wait_until(lambda: loupe.get("/health/ready")["model"] == "ready")
        yield App(address, known)


def requests(operation: Any) -> st.SearchStrategy[Any]:
    """As documented; and, where there is something to get wrong, wrong in one way or another."""
    right = operation.as_strategy()
    if not len(operation.query) and not len(operation.body):
        return right
    return right | operation.as_strategy(generation_mode=schemathesis.GenerationMode.NEGATIVE)


def with_known(case: Any, known: dict[str, list[str]], pick: int) -> None:
    """Ask about what is there, where the made-up request asks about something."""
    for name in (case.path_parameters or {}).keys() & known.keys():
        case.path_parameters[name] = known[name][pick % len(known[name])]
    if isinstance(case.body, dict):
        ids = known["photo_id"]
        for name in case.body.keys() & {"photo_ids", "photos", "negative_photos"}:
            case.body[name] = ids[pick % len(ids) :]
        if "photo_id" in case.body:
            case.body["photo_id"] = ids[pick % len(ids)]


@pytest.mark.slow
@pytest.mark.parametrize("label", sorted(OPERATIONS))
def test_a_route_keeps_its_word(label: str, app: App) -> None:
    operation = OPERATIONS[label]

    # Found alike on each machine: a fault shows where it was made, not some days later.
    @seed(20260101)
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=requests(operation), pick=st.none() | st.integers(0, 11))
    def keeps_it(case: Any, pick: int | None) -> None:
        if pick is not None and label not in ENDS_ALL:
            with_known(case, app.known, pick)
        reply = case.call(base_url=app.url, timeout=30)
        checks = [check for check in CHECKS if not (check is not_a_server_error and reply.status_code in UNAVAILABLE)]
        case.validate_response(reply, checks=checks)

    keeps_it()


def test_every_whole_number_of_an_address_has_bounds_that_the_library_can_hold() -> None:
    asked = [
        (label, parameter["name"], schema)
        for label, operation in OPERATIONS.items()
        for parameter in operation.definition.raw.get("parameters", [])
        for schema in (parameter["schema"], *parameter["schema"].get("anyOf", []))
    ]
    numbers = [each for each in asked if each[2].get("type") == "integer"]
    assert len(numbers) > 10
    assert not [
        each
        for each in numbers
        if not {"maximum", "exclusiveMaximum"} & each[2].keys() or each[2].get("maximum", 0) >= 1 << 63
    ]
