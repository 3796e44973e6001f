"""The captioner behind the queue: the one in use, also after another was chosen."""

from __future__ import annotations

from dataclasses import replace

import pytest

from resources.errors import LoupeError
from resources.inference import ServedModels, served_models
from resources.library import Library
from resources.models import DEMO_MODEL, GpuResource, ModelIdentity
from resources.settings import Settings


@pytest.fixture
def served(library: Library) -> ServedModels:
    return ServedModels(library, GpuResource(library.settings), most_waiting=4, timeout_s=10)


def test_another_captioner_is_loaded_once_it_is_chosen(
    served: ServedModels, library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen = [ModelIdentity("first", "1", "p", 0, None)]  # type: ignore[arg-type]
    loaded: list[ModelIdentity] = []

    def load(settings: Settings, name: str, gpu: GpuResource) -> ModelIdentity:
        loaded.append(chosen[-1])
        return chosen[-1]

    monkeypatch.setattr(served_models, "load_captioner", load)
    monkeypatch.setattr(library, "captioner", lambda: chosen[-1])
    assert served.captioner() is served.captioner()
    chosen.append(replace(chosen[0], name="second"))
    assert served.captioner().name == served.captioner_in_memory == "second"
    chosen.append(replace(chosen[1], revision="2"))
    assert served.captioner().revision == "2"
    assert len(loaded) == 3
    monkeypatch.setattr(library, "captioner", lambda: None)
    with pytest.raises(LoupeError, match="Captions are off"):
        served.captioner()


def test_what_is_loaded_is_what_was_chosen(library: Library) -> None:
    demo = Library(library.settings.model_copy(update={"model": DEMO_MODEL, "captions": "later"})).open()
    served = ServedModels(demo, GpuResource(demo.settings), most_waiting=4, timeout_s=10)
    try:
        assert served.captioner() is served.captioner()
    finally:
        served.close()
