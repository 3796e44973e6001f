"""Vectors stand in a file per model, keyed by pixels and by what computed them."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from resources.home import Home
from resources.manifest import VectorStore


@pytest.fixture
def store(home: Home) -> VectorStore:
    return VectorStore(home, "clip/b32", "1", "p1")


def test_vectors_come_back_as_they_were(store: VectorStore) -> None:
    vectors = {f"{number}": np.random.default_rng(number).normal(size=512).astype(np.float32) for number in range(20)}
    store.put(vectors)
    found = store.get([*vectors, "unknown"])
    assert found.keys() == vectors.keys()
    for name, vector in vectors.items():
        np.testing.assert_array_equal(found[name], vector)
        assert found[name].dtype == np.float32


def test_first_vector_of_a_picture_stays(store: VectorStore) -> None:
    store.put({"a": np.ones(4, np.float32)})
    store.put({"a": np.zeros(4, np.float32), "b": np.zeros(4, np.float32)})
    assert store.get(["a"])["a"].tolist() == [1, 1, 1, 1]
    assert store.count() == 2


def test_other_revision_and_preprocessing_are_other_vectors(store: VectorStore, home: Home) -> None:
    store.put({"a": np.ones(4, np.float32)})
    for other in (VectorStore(home, "clip/b32", "2", "p1"), VectorStore(home, "clip/b32", "1", "p2")):
        assert other.get(["a"]) == {}
        assert other.count() == 0
        other.put({"a": np.zeros(4, np.float32)})
    assert store.get(["a"])["a"].tolist() == [1, 1, 1, 1]


def test_name_of_a_model_cannot_leave_the_home(home: Home) -> None:
    assert VectorStore(home, "../../etc/passwd", "1", "1").path.parent == home.path


def test_store_that_was_never_written_is_empty_and_stays_absent(store: VectorStore) -> None:
    assert store.get(["a"]) == {}
    assert store.count() == 0
    store.put({})
    assert not store.path.exists()


def test_float64_and_strided_vectors_are_stored_as_float32(store: VectorStore) -> None:
    store.put({"a": np.arange(8.0)[::2]})  # type: ignore[dict-item]
    assert store.get(["a"])["a"].tolist() == [0, 2, 4, 6]


def test_writers_of_the_same_pictures_store_them_once(store: VectorStore) -> None:
    vectors = {str(number): np.full(8, number, np.float32) for number in range(50)}
    writers = [threading.Thread(target=store.put, args=(vectors,)) for _ in range(4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert store.count() == 50
