"""How soon the page shows something, answers a search and a key, and how it scrolls, in a real browser.

    python benchmarks/page.py --url http://127.0.0.1:8000 --query "boat" "red sailboats by a lake"

Asks a running library (`make demo`), in Chromium with 1280 x 800 points and no cache at the first visit. `painted` is
when the first screen of thumbnails is loaded and drawn; long tasks are those that the browser reports, over 50 ms. A
machine without a graphics card paints with the processor, which the server needs as well. Prints Markdown.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
from collections.abc import Sequence
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright

_WATCH = """
window.measured = {lcp: 0, tasks: [], keys: []};
const watch = (type, take, more) =>
  new PerformanceObserver((list) => list.getEntries().forEach(take)).observe({type, buffered: true, ...more});
watch("largest-contentful-paint", (entry) => { measured.lcp = Math.max(measured.lcp, entry.startTime); });
watch("longtask", (entry) => measured.tasks.push(entry.duration));
watch("event", (entry) => { if (entry.interactionId) measured.keys.push(entry.duration); }, {durationThreshold: 16});
"""
# Milliseconds until each photo of the window has its thumbnail and a frame has been drawn with them; `changed`: from
# the next key on, and not before the title is another one.
_PAINTED = """
(changed) => new Promise((resolve) => {
  let began = performance.now();
  const title = () => document.querySelector("h1")?.textContent;
  const before = title();
  const look = () => {
    const seen = [...document.querySelectorAll("main a[data-index] img")].filter((image) => {
      const box = image.getBoundingClientRect();
      return box.bottom > 0 && box.top < innerHeight;
    });
    const ready = seen.length > 0 && seen.every((image) => image.complete && image.naturalWidth > 0);
    if (ready && (!changed || title() !== before))
      requestAnimationFrame(() => requestAnimationFrame(() => resolve(performance.now() - began)));
    else requestAnimationFrame(look);
  };
  const pressed = () => { began = performance.now(); look(); };
  if (changed) addEventListener("keydown", pressed, {once: true, capture: true}); else look();
})
"""


def visited(browser: Browser, url: str) -> Page:
    """The page for somebody who was never there."""
    page = browser.new_context(viewport={"width": 1280, "height": 800}).new_page()
    page.add_init_script(_WATCH)
    page.goto(url)
    page.evaluate(_PAINTED, False)
    return page


def first_visit(browser: Browser, url: str) -> dict[str, float]:
    """Milliseconds until the largest part is painted, and the scripts that came, kB as they were sent."""
    page = visited(browser, url)
    page.wait_for_timeout(1500)
    scripts = page.evaluate(
        "performance.getEntriesByType('resource').filter((e) => e.name.endsWith('.js'))"
        ".reduce((sum, e) => sum + e.encodedBodySize, 0)"
    )
    found = {"lcp": float(page.evaluate("measured.lcp")), "scripts": scripts / 1000}
    page.context.close()
    return found


def searched(page: Page, query: str) -> float:
    """Milliseconds from the key to a screen of results."""
    box = page.get_by_role("combobox", name="Search your photos")
    box.fill("")
    page.wait_for_timeout(600)
    page.evaluate(f"() => {{ window.painting = ({_PAINTED})(true); }}")
    box.fill(query)
    box.press("Enter")
    return float(page.evaluate("window.painting"))


def scrolled(page: Page, seconds: float) -> list[float]:
    """Long tasks, milliseconds, while somebody turns the wheel."""
    page.evaluate("measured.tasks = []")
    page.mouse.move(640, 500)
    for _ in range(int(seconds / 0.05)):
        page.mouse.wheel(0, 240)
        page.wait_for_timeout(50)
    tasks: list[float] = page.evaluate("measured.tasks")
    page.evaluate("scrollTo(0, 0)")
    return tasks


def pressed(page: Page) -> list[float]:
    """Milliseconds from keys to the next frame: a photo is opened, ten are looked at, it is closed, one is chosen."""
    page.evaluate("measured.keys = []")
    page.get_by_role("main").locator("a[data-index]").first.focus()
    for key in ("Enter", *["ArrowRight"] * 10, "Escape", "ArrowRight", "ArrowRight", " ", " "):
        page.keyboard.press(key)
        page.wait_for_timeout(250)
    page.wait_for_timeout(500)
    keys: list[float] = page.evaluate("measured.keys")
    return keys


def _said(values: Sequence[float]) -> str:
    ordered = sorted(values)
    late = ordered[min(len(ordered) - 1, int(0.95 * len(ordered)))]
    return f"{statistics.median(ordered):.0f} / {late:.0f} ({len(ordered)})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", default="http://127.0.0.1:8000")
    parser.add_argument("--query", nargs="+", default=["boat", "houses at night", "yellow balloons", "snow", "red"])
    parser.add_argument("--rounds", type=int, default=10)
    given = parser.parse_args()
    rows: dict[str, Any] = {}
    with sync_playwright() as driver:
        browser = driver.chromium.launch(
            executable_path=shutil.which("chromium"),
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
        )
        visits = [first_visit(browser, given.url) for _ in range(given.rounds)]
        rows["largest contentful paint, first visit, ms"] = _said([visit["lcp"] for visit in visits])
        rows["scripts of the first visit, kB as sent"] = f"{visits[0]['scripts']:.0f}"
        page = visited(browser, given.url)
        taken = [searched(page, query) for _ in range(max(1, given.rounds // 2)) for query in given.query]
        rows["search, from Enter to a painted screen, ms"] = _said(taken)
        rows["of these asked for the first time, ms"] = _said(taken[: len(given.query)])
        page.goto(given.url)
        page.evaluate(_PAINTED, False)
        tasks = scrolled(page, 10)
        rows["long tasks in 10 s of scrolling"] = f"{len(tasks)}" + (f", longest {max(tasks):.0f} ms" if tasks else "")
        rows["keys, to the next frame, ms"] = _said(pressed(page) or [0.0])
        browser.close()
    print("| | p50 / p95 (of) |\n|---|---|")
    for name, value in rows.items():
        print(f"| {name} | {value} |")


if __name__ == "__main__":
    main()
