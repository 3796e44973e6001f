"""File names as cameras, phones and editors give them: which shot a name belongs to, and what an editor added.

Belongs here: names alone. Not here: whether two photos of such names belong together (`stack_rules.py`).
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from functools import cached_property, lru_cache

__all__ = ["ShotName", "folder_bits", "numbered"]

# What editors put behind the name of the picture they were given. "-HDR", "-Pano" and "-stack" are not here: those are
# made of several pictures. Nor are "(1)", " 2" and "copy": two downloads of one name may be two pictures.
_WORDS = (
    # Lightroom, Photoshop, Google Photos (and its words in other languages), Samsung, Windows
    "edit|edited|bearbeitet|modifi[eé]|editad[oa]|modificat[oa]|bewerkt|redigerad|redigeret|muokattu|edytowane"
    "|d[uü]zenlendi|upraveno|編集済み|已编辑"
    # Lightroom's and Camera Raw's Enhance
    "|enhanced(?:-(?:nr|sr|rd))*"
    # DxO, Nik, Topaz, ON1, Luminar, Affinity, Snapseed, Pixelmator, darktable and RawTherapee by their export presets
    "|dxo(?:_[a-z0-9]+)*|nik|viveza|silverefex(?:pro)?\\d?|colorefex(?:pro)?\\d?"
    "|topaz(?:-[a-z0-9]+)*|denoiseai(?:-[a-z0-9]+)*|sharpenai(?:-[a-z0-9]+)*|gigapixel(?:-[a-z0-9_.]+)*"
    "|on1|luminar\\w*|affinity|snapseed|pixelmator|darktable|rawtherapee|retouched|shotwell|developed"
)
_EDITED = re.compile(
    rf"(?:[-_ ](?:{_WORDS})|[-_ ]?\((?:{_WORDS})\))(?:[-_ ]?\d{{1,2}})?$"  # IMG_1-Edit-2, IMG_1 (edited)
    r"|(?<=[a-z0-9])~\d{1,2}$"  # Google's and Samsung's editors on the phone: IMG_1~2
)
# Apple: IMG_E1234 is IMG_1234 with the edits of IMG_O1234.AAE.
_APPLE_EDITED = re.compile(r"^img_e(\d{4,5})$")
# Pixel phones: PXL_20210101_120000000.RAW-02.ORIGINAL.dng beside PXL_20210101_120000000.RAW-01.MP.COVER.jpg.
_PIXEL_PART = re.compile(r"\.(?:mp|raw-\d\d|portrait-\d\d|cover|original)$")
_PIXEL_EDITED = re.compile(r"\.portrait(?:-\d\d\.cover)?$")
# An export that kept the extension of what it was made from: IMG_1.CR2.jpg, DSC_1_NEF_shotwell.jpg.
_MADE_FROM = re.compile(
    r"[._](?:3fr|arw|cr2|cr3|crw|dng|erf|gpr|iiq|kdc|mrw|nef|nrw|orf|pef|raf|raw|rw2|srw|x3f|hei[cf]|jpe?g)$"
)
_NUMBER = re.compile(r"\d+")
# darktable's versions and Snapseed's copies, only ever looked for beside the picture they would be of.
_NUMBERED = re.compile(r"^(.+)[-_]0([1-9])$")


@dataclass(frozen=True)
class ShotName:
    """A file's name within its folder, told apart without regard to case.

    `stem` is the name without extension, `shot` what is left of it without an editor's additions (equal names of one
    folder may be one shot), `edited` whether anything was added.
    """

    folder: tuple[str, str]
    name: str

    @classmethod
    def of(cls, root_id: str, rel_path: str) -> ShotName:
        folder, _, name = rel_path.rpartition("/")
        return cls((root_id, folder), name)

    @cached_property
    def stem(self) -> str:
        stem = self.name.rpartition(".")[0] or self.name
        return stem.casefold()

    @cached_property
    def _parsed(self) -> tuple[str, bool]:
        stem, edited = self.stem, False
        while True:
            if (found := _PIXEL_EDITED.search(stem) or _EDITED.search(stem)) and found.start():
                stem, edited = stem[: found.start()], True
            elif (found := _PIXEL_PART.search(stem) or _MADE_FROM.search(stem)) and found.start():
                stem = stem[: found.start()]
            elif found := _APPLE_EDITED.match(stem):
                stem, edited = f"img_{found[1]}", True
            else:
                return stem, edited

    @property
    def shot(self) -> str:
        return self._parsed[0]

    @property
    def edited(self) -> bool:
        return self._parsed[1]

    @cached_property
    def numbered_of(self) -> str | None:
        """Of a name like `IMG_1_01` the shot that it may be a version of."""
        found = _NUMBERED.match(self.shot)
        return found[1] if found else None

    @cached_property
    def pattern(self) -> str:
        """The stem with every number as `#`: names that one camera gives have the same."""
        return _NUMBER.sub("#", self.stem)

    @cached_property
    def counter(self) -> int | None:
        """The camera's count in names such as `IMG_1234`; None for names made of dates and times."""
        numbers = _NUMBER.findall(self.stem)
        return int(numbers[0]) if len(numbers) == 1 and len(numbers[0]) <= 6 else None

    @property
    def stack_key(self) -> int:
        """64 bits of folder and shot: equal for files that may be one shot."""
        return self.key_of(self.shot)

    def key_of(self, shot: str) -> int:
        """The `stack_key` of this shot in the same folder."""
        return folder_bits(self.folder) << 40 | _hash(shot, 5)


def numbered(shot: str) -> list[str]:
    """The names that versions of a shot may have: `IMG_1_01` to `IMG_1_09`, and with a hyphen."""
    return [f"{shot}{joint}0{number}" for joint in "_-" for number in range(1, 10)]


@lru_cache(maxsize=4096)
def folder_bits(folder: tuple[str, str]) -> int:
    """24 bits of a folder, for the high end of a key."""
    return _hash("\0".join(folder), 3)


def _hash(text: str, size_bytes: int) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=size_bytes).digest(), "big")
