"""Photos that belong together, and that say of themselves what people write: for what shows stacks and descriptions."""

from __future__ import annotations

from pathlib import Path
from xml.sax.saxutils import escape

from PIL import Image
from small_library import SmallLibrary, draw_photo

__all__ = ["PEOPLE", "draw_related", "related_folder", "xmp"]

PEOPLE = ("Ada Lovelace", "Jürgen Größer")

_XMP = """<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description rdf:about="" xmlns:xmp="http://ns.adobe.com/xap/1.0/"
  xmlns:photoshop="http://ns.adobe.com/photoshop/1.0/" xmlns:Iptc4xmpCore="http://iptc.org/std/Iptc4xmpCore/1.0/xmlns/"
  xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/"
  xmp:Label="{label}" photoshop:City="{city}" photoshop:State="{region}" photoshop:Country="{country}"
  Iptc4xmpCore:CountryCode="{code}">
  <Iptc4xmpExt:PersonInImage><rdf:Bag>{people}</rdf:Bag></Iptc4xmpExt:PersonInImage>
</rdf:Description></rdf:RDF></x:xmpmeta><?xpacket end="w"?>"""


def xmp() -> bytes:
    """A packet in which somebody named the people, the place and a colour label."""
    people = "".join(f"<rdf:li>{escape(name)}</rdf:li>" for name in PEOPLE)
    text = _XMP.format(label="Red", city="Lisboa", region="Lisboa", country="Portugal", code="PT", people=people)
    return text.encode()


def related_folder(small: SmallLibrary) -> Path:
    """A folder beside the home with these photos in it, which the library does not watch yet."""
    folder = small.settings.home.parent / "Related"
    folder.mkdir()
    draw_related(folder)
    return folder


def draw_related(folder: Path) -> None:
    """A photo with its edited copy, of people in Lisbon; a Live Photo; a document of three pages; a photo cut in half.

    Files: `harbour.jpg`, `harbour-edit.jpg`, `live.jpg`, `live.mov`, `letter.tif`, `cut.jpg`.
    """
    draw_photo(folder / "harbour.jpg", "navy", "lightyellow", 31)
    with Image.open(folder / "harbour.jpg") as photo:
        exif = photo.getexif()
        photo.save(folder / "harbour.jpg", quality=88, exif=exif, xmp=xmp())
        photo.convert("L").convert("RGB").save(folder / "harbour-edit.jpg", quality=88, exif=exif)
    draw_photo(folder / "live.jpg", "coral", "honeydew", 32)
    with Image.open(folder / "live.jpg") as photo:
        exif = photo.getexif()
        exif[0x010F], exif[0x0110] = "Apple", "iPhone 14 Pro"
        photo.save(folder / "live.jpg", quality=88, exif=exif)
    (folder / "live.mov").write_bytes(b"\0\0\0\x14ftypqt  \0\0\0\0qt  " + b"\0\0\0\x08wide" + bytes(2000))
    pages = []
    for number, colour in enumerate(("olive", "plum", "tan")):
        draw_photo(folder / "page.png", colour, "white", 33 + number)
        with Image.open(folder / "page.png") as page:
            pages.append(page.copy())
    pages[0].save(folder / "letter.tif", save_all=True, append_images=pages[1:])
    (folder / "page.png").unlink()
    draw_photo(folder / "cut.jpg", "salmon", "darkslateblue", 37)
    data = (folder / "cut.jpg").read_bytes()
    (folder / "cut.jpg").write_bytes(data[: len(data) // 2])
