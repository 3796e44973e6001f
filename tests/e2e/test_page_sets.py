"""On the page: choosing photos and doing something with them, collections, kept searches, sending photos, Test me."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from served_page import names, photo_link, photos, playwright, served, title
from small_library import SmallLibrary, build, draw_photo

from resources.manifest import jobs

pytestmark = [pytest.mark.browser, pytest.mark.slow]
expect = playwright.expect


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> SmallLibrary:
    small = build(tmp_path_factory.mktemp("page"))
    for seed in range(101, 114):  # the challenge asks for twenty
        draw_photo(small.photos / "More" / f"more {seed}.jpg", "red", "white", seed, (160, 120))
    small.take_in()
    with small.library.manifest.write() as tx:
        jobs.start(tx, "run-done", "ingest", "1 folder")
        jobs.complete(tx, "run-done")
    return small


@pytest.fixture(scope="module")
def url(small: SmallLibrary) -> Iterator[str]:
    with served(small) as address:
        yield address


def _bar(page: Any) -> Any:
    return page.get_by_role("region", name="Chosen photos")


def test_photos_are_chosen_by_click_shift_drag_and_keys(page: Any) -> None:
    chosen = _bar(page).get_by_role("status")
    photos(page).nth(1).hover()
    page.get_by_role("checkbox", name="Choose").nth(1).click()
    expect(chosen).to_have_text("1 chosen")
    photos(page).nth(4).click(modifiers=["Shift"])
    expect(chosen).to_have_text("4 chosen")
    photos(page).nth(4).click()
    expect(chosen).to_have_text("3 chosen")
    page.keyboard.press("Escape")
    expect(_bar(page)).to_be_hidden()

    first, third = (photos(page).nth(at).bounding_box() for at in (0, 2))
    page.mouse.move(first["x"] + 60, first["y"] + 60)
    page.mouse.down()
    page.mouse.move(third["x"] + 20, third["y"] + 80, steps=4)
    page.mouse.up()
    expect(chosen).to_have_text("3 chosen")
    assert page.get_by_role("dialog").count() == 0
    page.keyboard.press("Escape")

    photos(page).first.focus()
    page.keyboard.press("Space")
    page.keyboard.press("Shift+ArrowRight")
    expect(chosen).to_have_text("2 chosen")
    page.keyboard.press("Control+a")
    expect(chosen).to_have_text("21 chosen")


def test_what_is_chosen_is_tagged_rated_and_handed_out(page: Any, small: SmallLibrary, console: list[str]) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.goto(f"{page.url}?folder={small.photos}/Garden")
    title(page).to_have_text("4 photos")
    photos(page).first.focus()
    page.keyboard.press("Control+a")
    bar = _bar(page)
    bar.get_by_role("button", name="Tag").click()
    dialog = page.get_by_role("dialog", name="Tag 4 photos")
    dialog.locator("input").first.fill("in the garden")
    expect(dialog.get_by_role("status")).to_have_text("4 photos will get this tag.")
    dialog.get_by_role("button", name="Do it").click()
    page.get_by_text("Done: 4 tags changed.").wait_for()

    photo_link(page, "violet.jpg").focus()
    page.keyboard.press("Space")
    bar.get_by_role("button", name="Stars").click()
    dialog = page.get_by_role("dialog", name="Give stars to 1 photo")
    give = dialog.get_by_role("button", name="Give")
    expect(give).to_be_disabled()  # nothing is chosen, no stars neither
    dialog.get_by_role("radio", name="3 stars").press(" ")
    page.keyboard.press("ArrowRight")
    expect(dialog.get_by_role("radio", name="4 stars")).to_be_checked()
    expect(dialog.get_by_role("status")).to_have_text("1 photo will have 4 stars.")
    page.keyboard.press("Tab")
    expect(give).to_be_focused()
    page.keyboard.press("Enter")
    page.get_by_text("1 photo changed.").wait_for()
    bar.get_by_role("button", name="Stars").wait_for(state="hidden")

    photo_link(page, "violet.jpg").focus()
    page.keyboard.press("Space")
    bar.get_by_role("button", name="Copy paths").click()
    page.get_by_text("1 path copied.").wait_for()
    assert page.evaluate("navigator.clipboard.readText()").strip() == str(small.photos / "Garden/violet.jpg")
    with page.expect_download() as download:
        bar.get_by_role("button", name="ZIP").click()
    with zipfile.ZipFile(Path(download.value.path())) as packed:
        assert [Path(name).name for name in packed.namelist()] == ["violet.jpg"]
    refused = {"error": {"code": "MANIFEST_BUSY", "message": "Another program has the file open.", "details": {}}}
    page.route("**/handoff/zip", lambda route: route.fulfill(status=503, json=refused))
    bar.get_by_role("button", name="ZIP").click()
    page.get_by_text("Another program has the file open.").wait_for()
    assert ["503" in entry for entry in console] == [True]  # the browser says so too, and nothing else
    console.clear()
    bar.get_by_role("button", name="Remove from the library").click()
    undo = page.get_by_role("status", name="What was done").get_by_role("button", name="Undo")
    undo.focus()  # it stays as long as somebody is about to use it
    title(page).to_have_text("3 photos")
    undo.click()
    title(page).to_have_text("4 photos")


def test_a_collection_is_made_split_renamed_merged_and_deleted(page: Any, console: list[str]) -> None:
    photos(page).nth(0).focus()
    page.keyboard.press("Space")
    for _ in range(3):
        page.keyboard.press("Shift+ArrowRight")
    expect(_bar(page).get_by_role("status")).to_have_text("4 chosen")
    _bar(page).get_by_role("button", name="To a collection").click()
    page.get_by_role("dialog").locator("input").first.fill("Best")
    page.get_by_role("button", name="Put them in").click()
    page.get_by_text("Best holds 4 photos now.").wait_for()

    page.get_by_role("link", name="Collections").click()
    page.get_by_role("link", name="Best 4 photos").click()
    main = page.get_by_role("main")
    expect(main.get_by_role("heading", level=1)).to_have_text("Best")
    expect(main.locator(".samples img")).to_have_count(4)
    main.get_by_role("link", name="Show its photos").click()
    title(page).to_have_text("4 photos")
    page.go_back()
    main.get_by_role("button", name="Split").click()
    page.get_by_label("Which photos").fill("format:png")
    page.get_by_text("1 photo would go.").wait_for()
    page.get_by_label("Name", exact=True).fill("Drawn")
    page.get_by_role("button", name="Do it").click()
    page.get_by_text("Drawn holds 1 photo now.").wait_for()
    main.get_by_role("link", name="Show its photos").click()
    title(page).to_have_text("3 photos", timeout=15_000)  # once search knows
    page.go_back()
    main.get_by_role("button", name="Rename").click()
    page.keyboard.press("Escape")
    expect(main.get_by_role("button", name="Rename")).to_be_focused()
    page.keyboard.press("Enter")
    page.get_by_label("Name", exact=True).fill("The best of all")
    page.get_by_role("button", name="Do it").click()
    expect(main.get_by_role("heading", level=1)).to_have_text("The best of all")
    main.get_by_role("link", name="Show its photos").click()
    title(page).to_have_text("3 photos")

    page.get_by_role("link", name="Collections").click()
    main.get_by_role("button", name="Merge").click()
    main.get_by_role("checkbox", name="Merge: Drawn").check()
    main.get_by_role("checkbox", name="Merge: The best of all").check()
    main.get_by_role("button", name="Merge 2 collections").click()
    page.get_by_label("Name", exact=True).fill("Together")
    page.get_by_role("button", name="Do it").click()
    page.get_by_role("link", name="Together 4 photos").click()
    main.get_by_role("button", name="Delete the collection").click()
    dialog = page.get_by_role("dialog", name="Delete Together?")
    dialog.get_by_text("It holds 4 photos.").wait_for()
    dialog.get_by_role("button", name="Delete the collection").click()
    page.get_by_text("No collection yet.").wait_for()
    # The question before the deletion is answered by a refusal, which a browser writes to its console.
    assert len(console) == 1
    assert "409" in console.pop()


def test_a_search_is_kept_run_and_forgotten(page: Any) -> None:
    page.goto(f"{page.url}?format=PNG&sort=oldest")
    page.get_by_role("button", name="Save this search").click()
    page.get_by_label("Name", exact=True).fill("Drawn ones")
    page.get_by_role("button", name="Save", exact=True).click()
    page.get_by_text("Drawn ones is saved").wait_for()
    page.get_by_role("link", name="Collections").click()
    page.get_by_role("link", name="Drawn ones").click()
    title(page).to_have_text("1 photo")
    assert "format=PNG&sort=oldest" in page.url
    page.get_by_role("link", name="Collections").click()
    page.get_by_role("button", name="Forget Drawn ones").click()
    expect(page.get_by_role("link", name="Drawn ones")).to_be_hidden()


def test_photos_are_sent_to_the_library_and_what_is_no_photo_is_told(
    page: Any, small: SmallLibrary, tmp_path: Path
) -> None:
    draw_photo(tmp_path / "sent.jpg", "navy", "gold", 71)
    (tmp_path / "notes.txt").write_text("no photo")
    page.get_by_role("button", name="Add photos").click()
    dialog = page.get_by_role("dialog", name="Add photos")
    page.get_by_label("Choose files").set_input_files([str(tmp_path / "sent.jpg"), str(tmp_path / "notes.txt")])
    dialog.get_by_text("2 files").wait_for()
    dialog.get_by_role("button", name="Send them").click()
    dialog.get_by_text("1 file came in.").wait_for()
    dialog.get_by_text("notes.txt").wait_for()
    assert list(small.library.home.uploads.rglob("sent.jpg"))
    page.keyboard.press("Escape")
    page.evaluate(
        """() => {
            const dataTransfer = new DataTransfer();
            for (const name of ["a.jpg", "b.jpg"])
                dataTransfer.items.add(new File(["x"], name, { type: "image/jpeg" }));
            for (const type of ["dragenter", "drop"])
                document.body.dispatchEvent(new DragEvent(type, { dataTransfer, bubbles: true, cancelable: true }));
        }"""
    )
    dialog.get_by_text("2 files").wait_for()


def test_the_log_of_a_run_is_asked_for(page: Any, console: list[str]) -> None:
    page.goto(f"{page.url}library/activity")
    page.get_by_role("button", name="Log: Taking photos in").first.click()
    page.get_by_text("Dagster does not answer").wait_for()
    assert len(console) == 1
    assert "503" in console.pop()


def test_the_log_of_a_run_is_in_plain_words_with_its_details_behind_a_button(page: Any) -> None:
    told = [
        ("RUN_ENQUEUED", "", "Waits for its turn."),
        ("ENGINE_EVENT", "Executing steps in process (pid: 9292)", None),
        ("HANDLED_OUTPUT", "", None),
    ]
    lines = [
        {"at": "2026-01-01T10:00:00", "level": "INFO", "step": None, "event": event, "message": message, "said": said}
        for event, message, said in told
    ]
    reply = {"lines": lines, "cursor": "1", "more": False, "dagster_url": "http://127.0.0.1:3000/runs/1"}
    page.route("**/api/v1/jobs/*/logs?**", lambda route: route.fulfill(json=reply))
    page.goto(f"{page.url}library/activity")
    page.get_by_role("button", name="Log: Taking photos in").first.click()
    log = page.get_by_role("region", name="Log: Taking photos in")
    shown = log.get_by_role("listitem").locator("span")
    expect(shown).to_have_text(["Waits for its turn."])
    log.get_by_role("button", name="Details").click()
    expect(shown).to_have_text(["Executing steps in process (pid: 9292)"])
    log.get_by_role("button", name="Details").click()
    expect(shown).to_have_text(["Waits for its turn."])


def test_the_page_tests_a_person(page: Any) -> None:
    page.goto(f"{page.url}test-me")
    page.get_by_role("button", name="Show me a photo").click()
    page.get_by_role("button", name="I have seen enough").click()
    page.get_by_label("What did it show?").fill("a red circle")
    page.get_by_role("button", name="Find it").click()
    page.get_by_text("of 21").wait_for()
    expect(page.get_by_role("region", name="Your score")).to_contain_text("1 of 10")
    page.get_by_role("button", name="Another photo").click()
    page.get_by_text("Remember what it shows.").wait_for()
    assert names(page) == []
