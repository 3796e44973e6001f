"""exiftool, kept open: starting its interpreter for every call would take most of a test's time."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

__all__ = ["ExifTool"]

_READY = "{ready}"


class ExifTool:
    """One running exiftool. `with ExifTool(path) as tool: tool.run("-ver")`."""

    def __init__(self, program: str) -> None:
        command = [program, "-stay_open", "True", "-@", "-"]
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            encoding="utf-8",
        )

    def __enter__(self) -> ExifTool:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.communicate("-stay_open\nFalse\n", timeout=10)

    def run(self, *arguments: str) -> str:
        """What exiftool prints for these arguments; one that holds a line break is passed in C's notation."""
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None
        assert stdout is not None
        lines = (
            f"#[CSTR]{argument.encode('unicode_escape').decode()}" if "\n" in argument else argument
            for argument in arguments
        )
        stdin.write("\n".join([*lines, "-execute", ""]))
        stdin.flush()
        printed: list[str] = []
        for line in stdout:
            if line.strip() == _READY:
                break
            printed.append(line)
        return "".join(printed)

    def write(self, photo: bytes, *tags: str, path: Path) -> bytes:
        """The bytes of `photo` after these tags were written; `path` is where that happens."""
        path.write_bytes(photo)
        said = self.run("-m", "-overwrite_original", *tags, str(path))
        assert "1 image files updated" in said, said
        return path.read_bytes()

    def read(self, paths: Sequence[Path]) -> dict[str, dict[str, Any]]:
        """All tags of files with their groups and numbers: {"ExifIFD:ISO": 100}, by path."""
        return {row["SourceFile"]: row for row in json.loads(self.run("-j", "-n", "-G1", "-a", *map(str, paths)))}
