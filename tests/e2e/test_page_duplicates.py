"""On the page: duplicates side by side, kept one by one or together, and told apart."""

from __future__ import annotations

from typing import Any

import pytest
from served_page import playwright
from small_library import SmallLibrary

from resources.duplicates import ContentModel, find_duplicates
from resources.library import result_key
from resources.manifest import duplicates, jobs
from resources.models import GpuResource, load_clip

pytestmark = [pytest.mark.browser, pytest.mark.slow]
expect = playwright.expect


@pytest.fixture
def groups(small: SmallLibrary, page: Any) -> None:
    """Two photos that stand twice in the library, and two that look alike; the first is proposed."""
    found = {
        "g1": ("same_picture", ["gold.jpg", "white.jpg"]),
        "g2": ("same_picture", ["violet.jpg", "pink.jpg"]),
        "g3": ("similar", ["red.jpg", "green.jpg"]),
    }
    rows = [
        {
            "group_id": group,
            "tier": tier,
            "photo_id": small.photo_id(name),
            "position": position,
            "reasons": ["sharper"] if position == 0 else [],
            "score": 1.0,
        }
        for group, (tier, names) in found.items()
        for position, name in enumerate(names)
    ]
    with small.library.manifest.write() as tx:
        duplicates.replace_groups(tx, rows)
    page.goto(f"{page.url.rstrip('/')}/duplicates")
    expect(page.locator("section.duplicates")).to_have_count(3)


@pytest.mark.usefixtures("groups")
def test_of_all_kinds_only_those_that_show_the_same_photo_go_together(page: Any) -> None:
    together = page.get_by_role("button", name="Keep the proposed one of")
    expect(together).to_have_text("Keep the proposed one of 2 groups of the same photo")
    together.click()
    dialog = page.get_by_role("dialog", name="Remove 2 photos from the library?")
    dialog.get_by_role("button", name="Remove 2 photos").click()
    sections = page.locator("section.duplicates")
    expect(sections).to_have_count(1)
    expect(page.get_by_role("region", name="Look alike")).to_have_count(1)
    expect(together).to_have_count(0)
    page.get_by_role("status", name="What was done").get_by_role("button", name="Undo").click()
    expect(sections).to_have_count(3)


@pytest.mark.usefixtures("groups")
def test_one_is_kept_and_others_are_told_apart(page: Any) -> None:
    page.get_by_label("Kind of duplicates").select_option(label="Look alike (1)")
    alike = page.get_by_role("region", name="Look alike")
    expect(page.locator("section.duplicates")).to_have_count(1)
    expect(alike.get_by_text("Proposed")).to_have_count(1)
    expect(alike.get_by_text("is sharper")).to_have_count(1)
    alike.get_by_role("button", name="They are different").click()
    page.get_by_text("They are different photos, and stay apart.").wait_for()
    expect(alike).to_have_count(0)
    page.get_by_label("Kind of duplicates").select_option("")
    page.get_by_role("button", name="Keep this one: white.jpg").click()
    expect(page.get_by_role("heading", name="white.jpg")).to_have_count(0)
    page.get_by_role("status", name="What was done").get_by_role("button", name="Undo").click()
    page.get_by_role("heading", name="white.jpg").wait_for()


def test_what_is_yet_to_be_compared_is_compared_when_asked_for(page: Any, small: SmallLibrary) -> None:
    manifest = small.library.manifest
    with manifest.write() as tx:
        duplicates.replace_groups(tx, [])

    def started(route: Any) -> None:  # Dagster does not run here: its part is played
        with manifest.write() as tx:
            jobs.start(tx, "run-compare", "find_duplicates", None)
        told = page.request.get(f"{page.url.removesuffix('/duplicates')}/api/v1/jobs/run-compare").json()
        route.fulfill(status=202, json=told)

    page.route("**/api/v1/duplicates/find", started)
    page.goto(f"{page.url.rstrip('/')}/duplicates")
    main = page.get_by_role("main")
    main.get_by_role("button", name="Compare them now").click()
    main.get_by_role("status").get_by_text("Looking for duplicates").wait_for()
    expect(main.get_by_role("status").filter(has_text="Looking for duplicates")).to_be_focused()
    page.reload()  # the run goes on
    main.get_by_role("status").get_by_text("Looking for duplicates").wait_for()
    expect(main.get_by_role("button", name="Compare them now")).to_have_count(0)
    clip = small.library.clip()
    gpu = GpuResource(small.settings)
    model = ContentModel(result_key(clip), clip.input_spec, lambda: load_clip(small.settings, clip.name, gpu))
    find_duplicates(manifest, small.library.home, model, limit_s=60)
    with manifest.write() as tx:
        jobs.finish(tx, "run-compare", "done")
    page.get_by_role("region", name="One photo in several files").wait_for()
    expect(main.get_by_text("yet to be compared")).to_have_count(0)
    expect(page.get_by_role("link", name="Skip to")).not_to_be_focused()
