"""Documents: how they are described, split, put together, replaced, and how a record that is too large travels."""

import base64
import binascii
import re
import zlib
from dataclasses import dataclass
from urllib.parse import quote, unquote

import xml.etree.ElementTree as ET
from xml.sax.saxutils import escape

from messages import SNOMED, Unreadable, new_id

# What Spine carries (spec 20); anything else travels as octet-stream, with its true type in the description.
CARRIED = {"text/plain", "text/html", "text/xml", "text/rtf", "application/pdf", "application/xml",
           "application/msword", "application/octet-stream", "audio/basic", "audio/mpeg", "image/png",
           "image/gif", "image/jpeg", "image/tiff", "video/mpeg"}
SKELETON = "X-GP2GP-Skeleton: Yes"
LARGEST = 300_000_000  # bytes that a document may unpack to

REASONS = {"01": "File type not supported", "02": "File deleted", "03": "File not found", "04": "File locked",
           "06": "Unable to determine problem"}


def carried_type(media_type):
    return media_type if media_type in CARRIED else "application/octet-stream"


def carried_name(name):
    """A file name that the grammar of descriptions can carry: it has no quotes and no line ends."""
    return re.sub(r"[\r\n\t]", " ", name.replace('"', "'"))


@dataclass
class Description:
    """`eb:Description` of an attachment reference."""
    file_name: str = ""
    content_type: str = ""
    compressed: bool = False
    large: bool = False
    length: int = 0
    domain_data: str = ""

    def write(self):
        def yes(flag):
            return "Yes" if flag else "No"
        domain = f' DomainData="{self.domain_data}"' if self.domain_data else ""
        return (f'Filename="{self.file_name}" ContentType={self.content_type} Compressed={yes(self.compressed)}'
                f" LargeAttachment={yes(self.large)} OriginalBase64=No Length={self.length}{domain}")

    @classmethod
    def read(cls, description):
        """Also what suppliers write instead: only a file name, the word `Attachment`, nothing."""
        description = description.strip()
        keys = r"ContentType|Compressed|LargeAttachment|OriginalBase64|Length|DomainData"
        name = re.search(rf'Filename="(.*?)"(?=\s+(?:{keys})=|\s*$)', description, re.DOTALL)
        if not name:
            return cls(file_name="" if description == "Attachment" else description)

        rest = description[name.end():]

        def value(key):
            found = re.search(rf'(?:^|\s){key}=(?:"([^"]*)"|(\S+))', rest)
            return (found[1] or found[2] or "") if found else ""
        return cls(file_name=name[1], content_type=value("ContentType"),
                   compressed=value("Compressed").lower() == "yes",
                   large=value("LargeAttachment").lower() == "yes", domain_data=value("DomainData"))


def split(text, size):
    """Pieces of a base64 text, each of which decodes alone."""
    size -= size % 4
    return [text[start:start + size] for start in range(0, len(text), size)]


def join(texts):
    """The bytes of base64 texts in order, whether or not each decodes alone."""
    texts = ["".join(text.split()) for text in texts]
    try:
        if all(len(text) % 4 == 0 for text in texts):
            return b"".join(base64.b64decode(text, validate=True) for text in texts)
        return base64.b64decode("".join(texts), validate=True)
    except binascii.Error as error:
        raise Unreadable(f"no base64: {error}") from error


def check_part(attachment):
    """Sees that what is enclosed is there."""
    if attachment.base64 is None:
        raise Unreadable(f"no part for {attachment.href}")


def unpack(data):
    """GZIP, up to a limit: a few bytes can unpack to more than there is memory."""
    unzip = zlib.decompressobj(wbits=31)
    try:
        content = unzip.decompress(data, LARGEST)
    except zlib.error as error:
        raise Unreadable(f"no GZIP: {error}") from error
    if unzip.unconsumed_tail or not unzip.eof:
        raise Unreadable("GZIP that breaks off, or unpacks to too much")
    return content


def pack(data):
    gzip = zlib.compressobj(wbits=31)
    return gzip.compress(data) + gzip.flush()


# --- Placeholders -----------------------------------------------------------------------------------

def placeholder(name, sender, conversation_id, reason):
    """File name and content of what takes the place of a document that cannot be sent."""
    lines = ["The document could not be sent with the electronic record.", carried_name(name),
             f"{sender}:{conversation_id}", f"Reason:{reason}:{REASONS[reason]}"]
    return f"AbsentAttachment{new_id()}.txt", "\n".join(lines).encode()


def is_placeholder(name):
    return name.startswith("AbsentAttachment") and name.endswith(".txt")


# --- The record and its links -----------------------------------------------------------------------

_LINK = re.compile(r"<referredToExternalDocument.*?</referredToExternalDocument>", re.DOTALL)


@dataclass
class Link:
    """A document as the record names it."""
    id: str
    name: str
    media_type: str


def links(record):
    return [_read_link(block) for block in _LINK.findall(record)]


def _read_link(block):
    document = ET.fromstring(re.sub(r"<(/?)\w+:", r"<\1", block))
    link = document.find("text/reference")
    url = link.get("value") if link is not None else ""
    return Link(document.find("id").get("root"), unquote(url.removeprefix("file://localhost/")),
                document.find("text").get("mediaType", "") if document.find("text") is not None else "")


def relink(record, new_links):
    """The record with other names and types in its links, in their order."""
    new_links = iter(new_links)

    def changed(block):
        link = next(new_links)
        block = re.sub(r'mediaType="[^"]*"', lambda _: f'mediaType="{escape(link.media_type)}"', block[0], count=1)
        return re.sub(r'file://localhost/[^"]*', lambda _: file_url(link.name), block, count=1)
    return _LINK.sub(changed, record)


def file_url(name):
    return "file://localhost/" + quote(name, safe="")


def skeleton(record, document_id, file_name):
    """A record whose whole content is one link, to the attachment that has the original."""
    namespace = "urn:hl7-org:v3"
    ET.register_namespace("", namespace)
    whole = ET.fromstring(f'<record xmlns="{namespace}">{record}</record>')

    def inside(element, last):
        """The children up to the first of this name."""
        children = []
        for child in element:
            if child.tag == f"{{{namespace}}}{last}":
                return children
            children.append(child)
        return children

    def written(children):
        return "".join(ET.tostring(child, encoding="unicode") for child in children)
    folder = whole.find(f".//{{{namespace}}}ehrFolder")
    composition = folder.find(f".//{{{namespace}}}ehrComposition")
    head = inside(composition, "component")
    composition.find(f"{{{namespace}}}id").set("root", new_id())
    available = written([folder.find(f"{{{namespace}}}availabilityTime")])
    return (
        '<component typeCode="COMP"><ehrFolder classCode="FOLDER" moodCode="EVN">'
        f'{written(inside(folder, "component"))}<component typeCode="COMP">'
        f'<ehrComposition classCode="COMPOSITION" moodCode="EVN">{written(head)}<component typeCode="COMP">'
        f'<NarrativeStatement classCode="OBS" moodCode="EVN"><id root="{new_id()}"/>'
        '<text>The record is in the attachment.</text><statusCode code="COMPLETE"/>'
        f'{available}<reference typeCode="REFR"><referredToExternalDocument classCode="DOC" moodCode="EVN">'
        f'<id root="{document_id}"/><code code="24891000000101" codeSystem="{SNOMED}" displayName="EDI messages"/>'
        f'<text mediaType="text/xml"><reference value="{file_url(file_name)}"/></text>'
        '</referredToExternalDocument></reference></NarrativeStatement></component></ehrComposition>'
        '</component></ehrFolder></component>')
