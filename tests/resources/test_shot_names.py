"""Names of cameras, phones and editors: which shot they are of."""

from __future__ import annotations

import pytest

from resources.shot_names import ShotName, numbered


def shot(name: str) -> tuple[str, bool]:
    parsed = ShotName.of("root", f"folder/{name}")
    return parsed.shot, parsed.edited


@pytest.mark.parametrize(
    ("name", "original"),
    [
        ("IMG_1234-Edit.tif", "IMG_1234.CR3"),
        ("IMG_1234-Edit-2.tif", "IMG_1234.CR3"),
        ("IMG_1234-Edit-Edit.tif", "IMG_1234.CR3"),
        ("IMG_1234-Enhanced-NR.dng", "IMG_1234.dng"),
        ("IMG_1234-Enhanced-SR-Edit.tif", "IMG_1234.dng"),
        ("IMG_1234-edited.jpg", "IMG_1234.jpg"),
        ("IMG_1234 edited.jpg", "IMG_1234.jpg"),
        ("IMG_1234_edited(1).jpg", "IMG_1234_edited(1).jpg"),  # a second download, of whatever
        ("IMG_1234 (Edited).jpg", "img_1234.JPG"),
        ("IMG_1234-bearbeitet.jpg", "IMG_1234.jpg"),
        ("IMG_1234-modifié.jpg", "IMG_1234.jpg"),
        ("IMG_1234-編集済み.jpg", "IMG_1234.jpg"),
        ("20240601_120000~2.jpg", "20240601_120000.jpg"),
        ("IMG_E1234.HEIC", "IMG_1234.HEIC"),
        ("DSC_0001_DxO.jpg", "DSC_0001.NEF"),
        ("DSC_0001-DxO_DeepPRIME_XD.dng", "DSC_0001.NEF"),
        ("DSC_0001_NEF_shotwell.jpg", "DSC_0001.NEF"),
        ("DSC_0001-topaz-denoise-sharpen.jpg", "DSC_0001.jpg"),
        ("DSC_0001_affinity.jpg", "DSC_0001.jpg"),
        ("PXL_20240601_120000123.PORTRAIT.jpg", "PXL_20240601_120000123.jpg"),
        ("PXL_20240601_120000123.PORTRAIT-01.COVER.jpg", "PXL_20240601_120000123.PORTRAIT-02.ORIGINAL.jpg"),
    ],
)
def test_an_edited_copy_is_of_the_shot_that_it_was_made_from(name: str, original: str) -> None:
    assert shot(name)[0] == shot(original)[0]
    assert shot(name)[1] or name == original
    assert not shot(original)[1]


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("IMG_1234.CR3", "img_1234.jpg"),
        ("IMG_1234.CR2.jpg", "IMG_1234.CR2"),
        ("IMG_1234.HEIC.MP4", "IMG_1234.HEIC"),
        ("PXL_20240601_120000123.RAW-01.MP.COVER.jpg", "PXL_20240601_120000123.RAW-02.ORIGINAL.dng"),
        ("PXL_20240601_120000123.MP.jpg", "PXL_20240601_120000123.MP"),
    ],
)
def test_files_of_one_shot_have_one_name(a: str, b: str) -> None:
    assert shot(a) == shot(b)
    assert shot(a)[1] is False


@pytest.mark.parametrize(
    "name",
    [
        "IMG_1234-HDR.dng",
        "IMG_1234-Pano.dng",
        "IMG_1234_stack.tif",
        "IMG_1234 (1).jpg",
        "IMG_1234 copy.jpg",
        "IMG_1234-2.jpg",
        "20240601_120000_001.jpg",
        "scan-1.tif",
        "MVIMG_20240601_120000.jpg",
        "MyEdit.jpg",
        "edited.jpg",
        "-edit.jpg",
        "credit.jpg",
    ],
)
def test_other_names_are_shots_of_their_own(name: str) -> None:
    stem = name.rpartition(".")[0].casefold()
    assert shot(name) == (stem, False)


def test_a_numbered_version_names_what_it_may_be_of() -> None:
    version = ShotName.of("root", "folder/IMG_1234_01.jpg")
    assert version.numbered_of == "img_1234"
    assert version.shot in numbered("img_1234")
    assert ShotName.of("root", "folder/IMG_1234.jpg").numbered_of is None
    assert ShotName.of("root", "folder/scan-10.tif").numbered_of is None


def test_keys_are_of_folder_and_shot() -> None:
    keys = {
        ShotName.of(root, path).stack_key
        for root, path in (("r", "a/IMG_1.jpg"), ("r", "b/IMG_1.jpg"), ("s", "a/IMG_1.jpg"), ("r", "a/IMG_2.jpg"))
    }
    assert len(keys) == 4
    assert max(keys) < 2**64
    assert ShotName.of("r", "a/IMG_1.jpg").stack_key == ShotName.of("r", "a/img_1-Edit.TIF").stack_key


def test_a_counter_is_a_camera_s_and_not_a_date() -> None:
    counters = {name: ShotName.of("r", name).counter for name in ("DSC_0042.JPG", "20240601_120000.jpg", "beach.jpg")}
    assert counters == {"DSC_0042.JPG": 42, "20240601_120000.jpg": None, "beach.jpg": None}
