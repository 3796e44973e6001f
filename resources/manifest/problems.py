"""What a person should look at: files that failed, photos that came in with a warning, files that are not taken in.

Questions over several tables, narrowed and paged alike; the search API and the command line ask the same ones. Not
here: how failures come about and pass (`failures.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from resources.errors import CODES, WARNINGS, LoupeError
from resources.manifest import failures, previews, roots, signatures
from resources.manifest.database import Transaction
from resources.manifest.failures import STAGES

__all__ = [
    "FailureKind",
    "Retried",
    "Which",
    "check",
    "failed",
    "failure_kinds",
    "reread",
    "retry",
    "skip_reasons",
    "skipped",
    "warned",
    "warned_count",
    "warning_kinds",
]


@dataclass(frozen=True)
class Which:
    """Everything set must hold; of a sequence any. Paths are absolute, as text (`folders.to_text`).

    `under` stands for a file or a folder with everything below it. `codes` are those of failures or warnings, or the
    reasons of skipped files; `ids` and `stages` are of failures alone.
    """

    codes: Sequence[str] = ()
    stages: Sequence[str] = ()
    under: str | None = None
    paths: Sequence[str] = ()
    ids: Sequence[str] = ()


@dataclass(frozen=True)
class FailureKind:
    """How many files failed at a stage with a code."""

    code: str
    stage: str
    count: int


@dataclass(frozen=True)
class Retried:
    """What is tried again: how many, their paths, and the folder partitions of each stage."""

    count: int
    paths: tuple[str, ...]
    partition_keys: dict[str, tuple[str, ...]]


def _path(alias: str) -> str:
    """SQL of the absolute path; a folder that is the root itself has an empty relative path."""
    return f"rtrim(rtrim(r.path, '/') || '/' || {alias}.rel_path, '/')"


def _below(alias: str) -> str:
    return f"($under IS NULL OR {_path(alias)} = $under OR starts_with({_path(alias)}, $under || '/'))"


def _under(which: Which) -> str | None:
    return which.under.rstrip("/") if which.under else None


# A failure has no key of its own: this names it in requests, and stays while it fails again.
_ID = "md5(x.root_id || '|' || x.stage || '|' || x.page || '|' || x.rel_path)"
_FAILED = f"""FROM failures x JOIN roots r USING (root_id)
    WHERE (len($codes) = 0 OR list_contains($codes, x.code)) AND (len($stages) = 0 OR list_contains($stages, x.stage))
      AND (len($paths) = 0 OR list_contains($paths, {_path("x")})) AND (len($ids) = 0 OR list_contains($ids, {_ID}))
      AND {_below("x")}"""


def _failed_params(which: Which, **more: Any) -> dict[str, Any]:
    return {
        "codes": list(which.codes),
        "stages": list(which.stages),
        "paths": [path.rstrip("/") for path in which.paths],
        "ids": list(which.ids),
        "under": _under(which),
        **more,
    }


def failed(tx: Transaction, which: Which, limit: int, offset: int = 0) -> list[dict[str, Any]]:
    """Failures, each with its `id`, absolute `path` and whether it is being `retried`, by code, stage and path."""
    return tx.rows(
        f"""SELECT {_ID} AS id, {_path("x")} AS path, {failures.RETRIED} AS retried, x.* {_FAILED}
        ORDER BY x.code, x.stage, path, x.page LIMIT $limit OFFSET $offset""",
        _failed_params(which, limit=limit, offset=offset),
    )


def failure_kinds(tx: Transaction, which: Which) -> list[FailureKind]:
    """How many failures there are of each code and stage, most frequent first."""
    rows = tx.execute(
        f"SELECT x.code, x.stage, count(*) {_FAILED} GROUP BY ALL ORDER BY count(*) DESC, x.code, x.stage",
        _failed_params(which),
    ).fetchall()
    return [FailureKind(*row) for row in rows]


def retry(tx: Transaction, which: Which) -> Retried:
    """Make failures pending again. They stay listed, with their attempts, until the work is done or fails anew."""
    rows = tx.rows(
        f"SELECT {_ID} AS id, {_path('x')} AS path, x.stage, x.partition_key {_FAILED}", _failed_params(which)
    )
    if rows:
        failures.retry(tx, f"list_contains($ids, {_ID})", {"ids": [row["id"] for row in rows]})
    keys: dict[str, set[str]] = {}
    for row in rows:
        keys.setdefault(row["stage"], set()).add(row["partition_key"])
    signatures.look_again(tx, sorted(keys.get("file_inventory", ())))
    return Retried(
        count=len(rows),
        paths=tuple(sorted({row["path"] for row in rows})),
        partition_keys={stage: tuple(sorted(found)) for stage, found in keys.items()},
    )


def check(tx: Transaction, which: Which, *, warnings: bool = False) -> None:
    """Refuse codes and stages that do not exist, and a folder in which nothing is watched.

    Raises `INVALID_REQUEST`, `ROOT_NOT_FOUND`.
    """
    known = WARNINGS if warnings else CODES
    for code in which.codes:
        if code not in known:
            what = "warning" if warnings else "error"
            raise LoupeError("INVALID_REQUEST", f"There is no {what} code '{code}'; docs/errors.md lists them.")
    for stage in which.stages:
        if stage not in STAGES:
            raise LoupeError("INVALID_REQUEST", f"There is no stage '{stage}': it is one of {', '.join(STAGES)}.")
    under = _under(which)
    if under and not any(_lies_in(under, root["path"]) or _lies_in(root["path"], under) for root in roots.rows(tx)):
        raise LoupeError("ROOT_NOT_FOUND", f"'{under}' is not watched, nor is anything in it.", path=under)


def _lies_in(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip("/") + "/")


_WARNED = f"""FROM photos p JOIN files f ON f.photo_id = p.document_id JOIN roots r USING (root_id)
    WHERE len(p.warnings) > 0 AND p.hidden_at IS NULL AND f.missing_since IS NULL AND f.skip_reason IS NULL
      AND (len($codes) = 0 OR list_has_any(p.warnings, $codes)) AND {_below("f")}"""


def warned(tx: Transaction, which: Which, limit: int, offset: int = 0) -> list[dict[str, Any]]:
    """Photos that came in with warnings: `photo_id`, `path` of their first file, `page`, `pages`, `warnings`."""
    return tx.rows(
        f"""SELECT p.photo_id, min({_path("f")}) AS path, any_value(p.page) AS page, any_value(p.pages) AS pages,
            any_value(p.warnings) AS warnings {_WARNED}
        GROUP BY p.photo_id ORDER BY path, page, p.photo_id LIMIT $limit OFFSET $offset""",
        {"codes": list(which.codes), "under": _under(which), "limit": limit, "offset": offset},
    )


def reread(tx: Transaction, which: Which) -> Retried:
    """Have the files of photos that came in with a warning decoded anew, those that can be reached."""
    rows = tx.rows(
        f"""SELECT DISTINCT p.sha256, {_path("f")} AS path, f.partition_key {_WARNED} AND r.state = 'online'""",
        {"codes": list(which.codes), "under": _under(which)},
    )
    previews.read_content_again(tx, {row["sha256"] for row in rows})
    keys = tuple(sorted({row["partition_key"] for row in rows}))
    return Retried(
        count=len({row["sha256"] for row in rows}),
        paths=tuple(sorted({row["path"] for row in rows})),
        partition_keys={"decoded_images": keys} if keys else {},
    )


def warning_kinds(tx: Transaction, which: Which) -> dict[str, int]:
    """How many photos carry each warning, most frequent first."""
    rows = tx.execute(
        f"""SELECT code, count(*) FROM (SELECT DISTINCT p.photo_id, unnest(p.warnings) AS code {_WARNED})
        GROUP BY code ORDER BY count(*) DESC, code""",
        {"codes": list(which.codes), "under": _under(which)},
    ).fetchall()
    return dict(rows)


def warned_count(tx: Transaction, which: Which) -> int:
    """How many photos came in with a warning."""
    return int(
        tx.value(f"SELECT count(DISTINCT p.photo_id) {_WARNED}", {"codes": list(which.codes), "under": _under(which)})
    )


# The inventory skips every video; what a Live Photo's is, is known later.
_REASON = "CASE WHEN f.motion_of IS NULL THEN f.skip_reason ELSE 'video of a Live Photo' END"
_SKIPPED = f"""FROM files f JOIN roots r USING (root_id)
    WHERE f.skip_reason IS NOT NULL AND f.missing_since IS NULL
      AND (len($codes) = 0 OR list_contains($codes, {_REASON})) AND {_below("f")}"""


def skipped(tx: Transaction, which: Which, limit: int, offset: int = 0) -> list[dict[str, Any]]:
    """Files that are not taken in: `path`, `reason`, `size_bytes`, by reason and path."""
    return tx.rows(
        f"""SELECT {_path("f")} AS path, {_REASON} AS reason, f.size_bytes {_SKIPPED}
        ORDER BY reason, path LIMIT $limit OFFSET $offset""",
        {"codes": list(which.codes), "under": _under(which), "limit": limit, "offset": offset},
    )


def skip_reasons(tx: Transaction, which: Which = Which()) -> dict[str, int]:
    """How many files are not taken in, by reason, most frequent first."""
    rows = tx.execute(
        f"SELECT {_REASON} AS reason, count(*) {_SKIPPED} GROUP BY ALL ORDER BY count(*) DESC, reason",
        {"codes": list(which.codes), "under": _under(which)},
    ).fetchall()
    return dict(rows)
