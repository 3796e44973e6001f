"""The log of a run in plain words: what is said of lines as Dagster writes them."""

from __future__ import annotations

from datetime import datetime

import pytest

from assets.photo_stream import StreamCounts
from search_api.dagster_client import LoggedLine
from search_api.log_wording import plain_words

COUNTS = StreamCounts(decoded=237, embedded=237, known=8, sidecars=1, failed=1, files_read=1246, totals={"a": 1})


@pytest.mark.parametrize(
    ("level", "event", "step", "message", "said"),
    [
        ("INFO", "RUN_ENQUEUED", None, "", "Waits for its turn."),
        ("DEBUG", "RUN_SUCCESS", None, 'Finished execution of run for "ingest".', "All of it is done."),
        ("DEBUG", "STEP_START", "streamed_photos", 'Started execution of step "streamed_photos".', "Reading photos."),
        ("DEBUG", "STEP_SUCCESS", "near_duplicates", "Finished execution", "Looking for duplicates: done."),
        (
            *("ERROR", "STEP_FAILURE", "streamed_photos", 'Execution of step "streamed_photos" failed.\nNo space left'),
            "Reading photos: stopped by an error. No space left",
        ),
        ("DEBUG", "STEP_START", "some_check", "Started execution", None),
        ("DEBUG", "ENGINE_EVENT", None, "Executing steps in process (pid: 9292)", None),
        ("ERROR", "ENGINE_EVENT", None, "The run worker is gone.", "The run worker is gone."),
        ("WARNING", None, "file_inventory", "/disk: cannot be reached", "/disk: cannot be reached"),
        (
            *("INFO", None, "streamed_photos", COUNTS.told()),
            "1,246 files read, 237 photos made searchable, 8 files known already, 1 sidecar taken in, 1 problem file.",
        ),
        ("INFO", None, "streamed_photos", StreamCounts().told(), "Nothing was new."),
        ("INFO", None, "streamed_photos", StreamCounts(captioned=2).told(), "2 photos described."),
        ("INFO", None, "some_check", "what an engineer wants to know", None),
        ("WARNING", None, None, " ", None),
    ],
)  # fmt: skip
def test_lines_are_said_in_plain_words(
    level: str, event: str | None, step: str | None, message: str, said: str | None
) -> None:
    assert plain_words(LoggedLine(datetime(2026, 1, 1), level, message, step, event)) == said
