"""On the page: problem files tried again, warnings, what is left out, a run that failed or was stopped."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from related_photos import related_folder
from served_page import playwright
from small_library import SmallLibrary, draw_photo

from resources.imaging import DECODER_VERSION
from resources.manifest import failures, jobs

pytestmark = [pytest.mark.browser, pytest.mark.slow]
expect = playwright.expect


@pytest.fixture(scope="module")
def small(small: SmallLibrary) -> SmallLibrary:
    """With a cut photo, four broken files of three kinds, and a folder that may not be read."""
    folder = related_folder(small)
    (folder / "zero.jpg").write_bytes(b"")
    (folder / "deep").mkdir()
    (folder / "deep/text.jpg").write_text("not a photo at all")
    (folder / "deep/größer.jpg").write_text("nor this")
    root = small.add_folder(folder)
    small.take_in()
    with small.library.manifest.write() as tx:
        known = {
            "root_id": root.root_id,
            "rel_path": "deep/locked",
            "partition_key": root.partition_keys[0],
            "stage": "file_inventory",
            "code": "NO_PERMISSION",
            "message": "The folder may not be read. Check its owner.",
            "page": 1,
            "decoder_version": DECODER_VERSION,
        }
        failures.record(tx, [{**known, "sha256": None, "size_bytes": None, "mtime_ns": None}])
    return small


def test_problem_files_stand_by_kind_with_their_reason_and_what_to_do(page: Any) -> None:
    page.get_by_role("link", name="Problem files 5").click()
    panel = page.get_by_role("tabpanel", name="Problem files 5")
    panel.get_by_text("broken.jpg").first.wait_for()
    panel.get_by_text("locked/").wait_for()
    said = panel.inner_text()
    assert "1 folder and 4 files could not be read. Nothing in your folders was changed" in said
    assert "The file ends before its pixels do." in said
    assert "Copy it again from where it came: the copy was cut off." in said
    two = panel.get_by_role("region", name="The content is not an image.")
    two.get_by_text("text.jpg").first.wait_for()
    assert two.locator("li strong").all_inner_texts() == ["größer.jpg", "text.jpg"]
    assert "/Related/deep" in two.locator("li code").first.inner_text()


def test_one_file_a_kind_and_all_are_tried_again(page: Any, small: SmallLibrary) -> None:
    page.get_by_role("link", name="Problem files 5").click()
    panel = page.get_by_role("tabpanel")
    panel.get_by_role("button", name="Try again: größer.jpg").click()
    said = panel.get_by_role("status")
    expect(said).to_contain_text("1 file will be tried again. Dagster does not run now")
    waiting = panel.get_by_text("Waits to be tried again")
    expect(waiting).to_have_count(1)
    expect(panel.get_by_role("button", name="Try again: größer.jpg")).to_have_count(0)
    panel.get_by_role("region", name="The file has no bytes.").get_by_role("button", name="Try again").click()
    expect(waiting).to_have_count(2)
    panel.get_by_role("button", name="Try all again").click()
    expect(said).to_contain_text("5 files will be tried again.")
    page.get_by_role("tab", name="Problem files 5").wait_for()  # they stay listed until it is done
    with small.library.manifest.write() as tx:  # what the inventory does that Dagster would have run
        tx.execute("DELETE FROM failures WHERE stage = 'file_inventory'")
    small.take_in()  # as the run does that Dagster would have started
    page.get_by_role("link", name="Problem files 4").wait_for()


def test_a_photo_with_a_warning_is_listed_and_opens_with_it_in_words(page: Any) -> None:
    page.get_by_role("link", name="Library").click()
    page.get_by_role("tab", name="Came in, but look 1").click()
    panel = page.get_by_role("tabpanel")
    panel.get_by_text("cut.jpg").wait_for()
    assert "This photo is in your library" in panel.inner_text()
    panel.get_by_role("link", name="Show cut.jpg").click()
    dialog = page.get_by_role("dialog", name="cut.jpg")
    dialog.get_by_text("The file is cut off: a part of the picture is missing.").wait_for()


def test_what_is_left_out_stands_by_reason_and_is_reached_from_its_folder(page: Any) -> None:
    page.get_by_role("button", name="Add photos").click()
    page.get_by_role("dialog", name="Add photos").get_by_role("link", name="1 left out").last.click()
    panel = page.get_by_role("tabpanel")
    panel.get_by_text("live.mov").wait_for()
    assert "1 file beside your photos is left out on purpose." in panel.inner_text()
    assert "Video of a Live Photo" in panel.inner_text()
    page.get_by_role("button", name="Everywhere").click()
    panel.get_by_text("notes.txt").wait_for()
    page.get_by_role("tab", name="Left out 2").focus()
    page.keyboard.press("ArrowLeft")
    expect(page.get_by_role("tab", name="Came in, but look 1")).to_be_focused()
    panel.get_by_text("cut.jpg").wait_for()


def test_the_library_says_what_becomes_of_its_files(page: Any, url: str) -> None:
    status = httpx.get(f"{url}/api/v1/status", timeout=60).json()
    assert status["copies"] == 1, "gold again.jpg"
    page.goto(f"{url}/library")
    said = page.get_by_text(f"{status['files']} files ·")
    expect(said).to_contain_text("1 more copy of a photo")
    for name, shows in (
        (f"{status['photos']} photos", "**/?stacks=all"),
        ("1 more copy of a photo", "**/duplicates"),
        (f"{status['failures']} problem files", "**/library/problems"),
        ("2 left out", "**/library/skipped"),
    ):
        page.goto(f"{url}/library")
        said.get_by_role("link", name=name).click()
        page.wait_for_url(shows)


def test_a_run_that_failed_is_said_until_one_goes_well(page: Any, small: SmallLibrary) -> None:
    manifest = small.library.manifest
    with manifest.write() as tx:
        jobs.start(tx, "run-full", "ingest", "1 folder")
        jobs.finish(tx, "run-full", "failed", "DISK_FULL", "No space is left for /home/me.")
    banner = page.get_by_role("alert")
    expect(banner).to_contain_text("The last run stopped: No space is left for /home/me.", timeout=60_000)
    with manifest.write() as tx:
        jobs.start(tx, "run-well", "ingest", "1 folder")
        jobs.finish(tx, "run-well", "done")
    expect(banner).to_be_hidden(timeout=60_000)


def test_stopping_a_run_says_what_is_left(page: Any, small: SmallLibrary) -> None:
    draw_photo(small.settings.home.parent / "Related/late.jpg", "red", "white", 41)
    with small.library.manifest.write() as tx:
        jobs.start(tx, "run-page", "ingest", "1 folder")
    stop = page.get_by_role("region", name="Progress").get_by_role("button", name="Stop")
    stop.wait_for()

    def cancelled(route: Any) -> None:  # Dagster does not run here: its part is played
        with small.library.manifest.write() as tx:
            jobs.finish(tx, "run-page", "cancelled")
        route.fulfill(status=202, json={})

    page.route("**/api/v1/jobs/run-page/cancel", cancelled)
    stop.click()
    said = page.get_by_role("status", name="Progress")
    expect(said).to_contain_text("Stopped; what is done is kept")
    expect(said).to_contain_text("Nothing is left to do.")


def test_problem_files_are_asked_for_again_when_a_run_that_tried_them_has_ended(page: Any, small: SmallLibrary) -> None:
    manifest = small.library.manifest
    page.get_by_role("link", name="Problem files").click()
    panel = page.get_by_role("tabpanel")

    def tried(route: Any) -> None:  # Dagster does not run here: its part is played
        reply = route.fetch()
        with manifest.write() as tx:
            jobs.start(tx, "run-again", "ingest", "1 folder")
        route.fulfill(status=202, json={**reply.json(), "note": None})

    page.route("**/api/v1/failures/retry", tried)
    one = panel.get_by_role("button", name="Try again: text.jpg")
    one.click()
    expect(panel.get_by_role("status")).to_contain_text("Trying 1 file again now.")
    expect(one).to_have_count(0)
    page.get_by_role("region", name="Progress").wait_for()
    with manifest.write() as tx:
        tx.execute(
            "UPDATE failures SET decoder_version = ?, attempts = 7 WHERE decoder_version = ''", [DECODER_VERSION]
        )
        jobs.finish(tx, "run-again", "done")
    one.wait_for()
    panel.get_by_text("Tried 7 times").wait_for()
    expect(panel.get_by_role("status")).to_be_empty()


@pytest.mark.parametrize("width", [390, 320])
def test_on_a_phone_all_of_a_button_and_of_a_count_is_seen(page: Any, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    page.get_by_role("link", name="Problem files").click()
    panel = page.get_by_role("tabpanel")
    panel.get_by_role("button", name="Try again: text.jpg").wait_for()
    cut = page.get_by_role("main").locator("button, .count, .mantine-Button-label, .mantine-Badge-label")
    assert cut.evaluate_all("all => all.filter(e => e.scrollWidth > e.clientWidth + 1).map(e => e.innerText)") == []
    for button in panel.get_by_role("button").all():
        box = button.bounding_box()
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= width
