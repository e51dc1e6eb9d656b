"""Messages of GP2GP: MIME around an ebXML envelope, an HL7 payload, and attachments."""

import base64
import re
import uuid
import xml.etree.ElementTree as ET
from dataclasses import dataclass, field
from urllib.parse import unquote
from xml.sax.saxutils import escape, quoteattr

from clock import ebxml_time, hl7_time, parse_time
from store import once

SERVICE = "urn:nhs:names:services:gp2gp"
REQUEST = "RCMR_IN010000UK05"
EXTRACT, EXTRACT_WITH_REDACTIONS = "RCMR_IN030000UK06", "RCMR_IN030000UK07"
EXTRACTS = (EXTRACT, EXTRACT_WITH_REDACTIONS)
COPC = "COPC_IN000001UK01"
ACKNOWLEDGEMENT = "MCCI_IN010000UK13"

ASID, ODS, NHS_NUMBER = "1.2.826.0.1285.0.2.0.107", "1.2.826.0.1285.0.1.10", "2.16.840.1.113883.2.1.4.1"
INTERACTION, RESPONSE = "2.16.840.1.113883.2.1.3.2.4.12", "2.16.840.1.113883.2.1.3.2.4.17.101"
QUALIFIER, PAYLOAD = "2.16.840.1.113883.2.1.3.2.4.17.104", "2.16.840.1.113883.2.1.3.2.4.17.202"
SNOMED = "2.16.840.1.113883.2.1.3.2.4.15"

EB = "http://www.oasis-open.org/committees/ebxml-msg/schema/msg-header-2_0.xsd"
XLINK = "http://www.w3.org/1999/xlink"
BOUNDARY = "--=_MIME-Boundary"

CODES = {
    "06": "Patient not at surgery.",
    "07": "GP2GP Messaging is not enabled on this system.",
    "09": "EHR Extract received without corresponding request.",
    "10": "Failed to successfully generate EHR Extract.",
    "11": "Failed to successfully integrate EHR Extract.",
    "12": "Duplicate EHR Extract received.",
    "14": "Message not sent because requesting practice is not Large Message compliant",
    "15": "A-B-A EHR Extract Received and Stored As Suppressed Record",
    "17": "A-B-A EHR Extract Received and rejected due to wrong record or wrong patient",
    "18": "Request message not well-formed or not able to be processed",
    "19": "Sender check indicates that Requester is not the patient's current healthcare provider",
    "20": "Spine system responded with an error",
    "21": "EHR Extract message not well-formed or not able to be processed",
    "23": "Message not sent because sending practice is not Large Message compliant",
    "24": "SDS lookup provided zero or more than one result to the query for each interaction.",
    "25": "Large messages rejected due to timeout duration reached of overall transfer",
    "28": "Non A-B-A EHR Extract Received and rejected due to wrong record or wrong patient",
    "29": "Large Message Re-assembly failure",
    "30": "Large Message general failure",
    "31": "The overall EHR Extract has been rejected because one or more attachments via Large Messages"
          " were not received.",
    "99": "Unexpected condition.",
}


class Unreadable(Exception):
    """A message, or a part of one, is not what it should be."""


def new_id():
    return once(lambda: str(uuid.uuid4()).upper())


# --- Reading XML ------------------------------------------------------------------------------------

class _Shallow(ET.TreeBuilder):
    """Builds trees that are no deeper than any record is."""

    DEEPEST = 200
    depth = 0

    def start(self, tag, attributes):
        self.depth += 1
        if self.depth > self.DEEPEST:
            raise Unreadable("elements nested without end")
        return super().start(tag, attributes)

    def end(self, tag):
        self.depth -= 1
        return super().end(tag)


def read_xml(data):
    """A tree without namespaces. A document type declaration is refused: nobody needs one, and with
    one comes every attack on XML."""
    if b"<!DOCTYPE" in data:
        raise Unreadable("a document type declaration")
    try:
        root = ET.fromstring(data.strip(), ET.XMLParser(target=_Shallow()))
    except (ET.ParseError, ValueError, LookupError) as error:
        raise Unreadable(f"no XML: {error}") from error
    for element in root.iter():
        element.tag = element.tag.rsplit("}", 1)[-1]
    return root


def attribute(root, path, name):
    """An attribute of the first element at a path, whatever its namespace; None without one."""
    element = root.find(path) if path else root
    if element is None:
        return None
    found = [value for key, value in element.attrib.items() if key.rsplit("}", 1)[-1] == name]
    return found[0] if found else None


def text(root, path):
    return (root.findtext(path) or "").strip()


# --- Messages ---------------------------------------------------------------------------------------

@dataclass
class Attachment:
    """A line of the manifest beside the payload: what is enclosed (`cid:`), or comes later (`mid:`)."""
    href: str
    description: str = ""
    id: str = ""
    media_type: str = "application/octet-stream"
    base64: str | None = ""  # of what is enclosed; None where its part is missing

    @property
    def is_promise(self):
        return self.href.lower().startswith("mid:")

    @property
    def target(self):
        """The id behind `cid:` or `mid:`."""
        return unquote(self.href[4:])


@dataclass
class Message:
    from_party: str
    to_party: str
    cpa_id: str
    conversation_id: str
    action: str
    message_id: str
    timestamp: object
    payload: bytes
    attachments: list = field(default_factory=list)
    time_to_live: object = None

    def hl7(self):
        """The payload as a tree; its root must be what the action says."""
        root = read_xml(self.payload)
        if root.tag != self.action:
            raise Unreadable(f"payload is {root.tag}, action is {self.action}")
        return root


def write(message):
    """Content type and body of a message. The body of a message never changes: it is sent again as it is."""
    payload_id = f"{message.message_id}@spine.nhs.uk"
    references = [
        f'<eb:Reference xlink:href="cid:{payload_id}">'
        '<eb:Schema eb:location="http://www.nhsia.nhs.uk/schemas/HL7-Message.xsd" eb:version="1.0"/>'
        '<eb:Description xml:lang="en">HL7 payload</eb:Description>'
        '<hl7ebxml:Payload style="HL7" encoding="XML" version="3.0"/></eb:Reference>']
    for attachment in message.attachments:
        references.append(
            f'<eb:Reference eb:id="_{attachment.id}" xlink:href="{escape(attachment.href)}">'
            f'<eb:Description xml:lang="en">{escape(attachment.description)}</eb:Description></eb:Reference>')
    party = '<eb:PartyId eb:type="urn:nhs:names:partyType:ocs+serviceInstance">{}</eb:PartyId>'.format
    time_to_live = message.time_to_live and f'<eb:TimeToLive>{ebxml_time(message.time_to_live)}</eb:TimeToLive>' or ""
    envelope = (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<SOAP:Envelope xmlns:SOAP="http://schemas.xmlsoap.org/soap/envelope/" xmlns:eb="{EB}"'
        f' xmlns:hl7ebxml="urn:hl7-org:transport/ebxml/DSTUv1.0" xmlns:xlink="{XLINK}"><SOAP:Header>'
        '<eb:MessageHeader SOAP:mustUnderstand="1" eb:version="2.0">'
        f'<eb:From>{party(escape(message.from_party))}</eb:From><eb:To>{party(escape(message.to_party))}</eb:To>'
        f'<eb:CPAId>{escape(message.cpa_id)}</eb:CPAId>'
        f'<eb:ConversationId>{escape(message.conversation_id)}</eb:ConversationId>'
        f'<eb:Service>{SERVICE}</eb:Service><eb:Action>{message.action}</eb:Action>'
        f'<eb:MessageData><eb:MessageId>{message.message_id}</eb:MessageId>'
        f'<eb:Timestamp>{ebxml_time(message.timestamp)}</eb:Timestamp>{time_to_live}</eb:MessageData>'
        '<eb:DuplicateElimination/></eb:MessageHeader>'
        '<eb:AckRequested SOAP:mustUnderstand="1" eb:version="2.0" eb:signed="false"'
        ' SOAP:actor="urn:oasis:names:tc:ebxml-msg:actor:nextMSH"/></SOAP:Header><SOAP:Body>'
        f'<eb:Manifest SOAP:mustUnderstand="1" eb:version="2.0">{"".join(references)}</eb:Manifest>'
        '</SOAP:Body></SOAP:Envelope>').encode()
    parts = [_part("ebXMLHeader@spine.nhs.uk", "text/xml; charset=UTF-8", "8bit", envelope),
             _part(payload_id, "application/xml; charset=UTF-8", "8bit", message.payload)]
    for attachment in message.attachments:
        if not attachment.is_promise:
            parts.append(_part(attachment.target, attachment.media_type, "base64", attachment.base64.encode()))
    body = b"".join(parts) + f"--{BOUNDARY}--\r\n".encode()
    start = 'type="text/xml"; start="<ebXMLHeader@spine.nhs.uk>"'
    return f'multipart/related; boundary="{BOUNDARY}"; {start}', body


def _part(content_id, content_type, encoding, body):
    head = (f"--{BOUNDARY}\r\nContent-Id: <{content_id}>\r\nContent-Type: {content_type}\r\n"
            f"Content-Transfer-Encoding: {encoding}\r\n\r\n")
    return head.encode() + body + b"\r\n"


def read(content_type, body):
    """The message in an HTTP body, in any supplier's way of writing it."""
    parts = list(_split(content_type, body))
    if len(parts) < 2:
        raise Unreadable(f"{len(parts)} MIME parts")
    if any(part.get("content-type", "").lower().startswith("multipart/") for part, _ in parts):
        raise Unreadable("a multipart within a part")
    envelope = read_xml(parts[0][1])
    header, data = "Header/MessageHeader/", "Header/MessageHeader/MessageData/"
    references = envelope.findall("Body/Manifest/Reference")
    needed = [text(envelope, header + "ConversationId"), text(envelope, header + "Action"),
              text(envelope, data + "MessageId")]
    if not references or not all(needed):
        raise Unreadable("the envelope has no Manifest, ConversationId, Action or MessageId")
    try:
        timestamp = parse_time(text(envelope, data + "Timestamp"))
        time_to_live = text(envelope, data + "TimeToLive")
        time_to_live = parse_time(time_to_live) if time_to_live else None
    except ValueError as error:
        raise Unreadable(f"a time of the envelope: {error}") from error
    by_id = {unquote(part.get("content-id", "").strip().strip("<>")): (part, content)
             for part, content in parts}
    attachments = []
    for reference in references[1:]:
        attachment = Attachment(href=attribute(reference, "", "href") or "",
                                description=text(reference, "Description"),
                                id=(attribute(reference, "", "id") or "").removeprefix("_"))
        if not attachment.is_promise:
            part, content = by_id.get(attachment.target, ({}, None))
            attachment.media_type = part.get("content-type", attachment.media_type).split(";")[0].strip()
            is_base64 = part.get("content-transfer-encoding", "").strip().lower() == "base64"
            if content is None:
                attachment.base64 = None
            else:
                attachment.base64 = content.decode("latin-1") if is_base64 else base64.b64encode(content).decode()
        attachments.append(attachment)
    payload_id = unquote((attribute(references[0], "", "href") or "")[4:])
    payload = by_id.get(payload_id, parts[1])[1]
    return Message(from_party=text(envelope, header + "From/PartyId"),
                   to_party=text(envelope, header + "To/PartyId"), cpa_id=text(envelope, header + "CPAId"),
                   conversation_id=needed[0], action=needed[1], message_id=needed[2], timestamp=timestamp,
                   time_to_live=time_to_live, payload=payload, attachments=attachments)


def _split(content_type, body):
    """Headers and content of every MIME part; lines may end in CRLF or LF."""
    boundary = re.search(r'boundary="?([^";]+)"?', content_type or "", re.IGNORECASE)
    if not boundary:
        raise Unreadable("no MIME boundary")
    delimiter = re.compile(rb"(?:\A|\r?\n)--" + re.escape(boundary[1].strip().encode()) + rb"(--)?[ \t]*(?=\r?\n|\Z)")
    marks = list(delimiter.finditer(body))
    for mark, following in zip(marks, marks[1:]):
        if mark[1]:
            break
        head, _, content = body[mark.end():following.start()].partition(b"\n")[2].replace(
            b"\r\n\r\n", b"\n\n", 1).partition(b"\n\n")
        headers = {}
        for line in head.decode("latin-1").splitlines():
            name, _, value = line.partition(":")
            headers[name.strip().lower()] = value.strip()
        yield headers, content


def acknowledgement(message_id, own_party, message, moment):
    """The ebXML acknowledgement of a delivery: "I have it". The HTTP answer."""
    return _signal(message_id, own_party, message, moment, "Acknowledgment",
                   f'<eb:Acknowledgment SOAP:mustUnderstand="1" eb:version="2.0"'
                   ' SOAP:actor="urn:oasis:names:tc:ebxml-msg:actor:toPartyMSH">'
                   f'<eb:Timestamp>{ebxml_time(moment)}</eb:Timestamp>'
                   f'<eb:RefToMessageId>{escape(message.message_id)}</eb:RefToMessageId>'
                   f'<eb:From><eb:PartyId eb:type="urn:nhs:names:partyType:ocs+serviceInstance">'
                   f'{escape(own_party)}</eb:PartyId></eb:From></eb:Acknowledgment>')


def message_error(message_id, own_party, message, moment, code, why):
    """The answer to a delivery that is not for us, or comes too late."""
    return _signal(message_id, own_party, message, moment, "MessageError",
                   '<eb:ErrorList SOAP:mustUnderstand="1" eb:version="2.0" eb:highestSeverity="Error">'
                   f'<eb:Error eb:errorCode="{code}" eb:severity="Error"'
                   f' eb:codeContext="urn:oasis:names:tc:ebxml-msg:service:errors">'
                   f'<eb:Description xml:lang="en">{escape(why)}</eb:Description></eb:Error></eb:ErrorList>')


def _signal(message_id, own_party, message, moment, action, body):
    party = '<eb:PartyId eb:type="urn:nhs:names:partyType:ocs+serviceInstance">{}</eb:PartyId>'.format
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<SOAP:Envelope xmlns:SOAP="http://schemas.xmlsoap.org/soap/envelope/" xmlns:eb="{EB}"><SOAP:Header>'
        '<eb:MessageHeader SOAP:mustUnderstand="1" eb:version="2.0">'
        f'<eb:From>{party(escape(own_party))}</eb:From><eb:To>{party(escape(message.from_party))}</eb:To>'
        f'<eb:CPAId>{escape(message.cpa_id)}</eb:CPAId>'
        f'<eb:ConversationId>{escape(message.conversation_id)}</eb:ConversationId>'
        f'<eb:Service>urn:oasis:names:tc:ebxml-msg:service</eb:Service><eb:Action>{action}</eb:Action>'
        f'<eb:MessageData><eb:MessageId>{message_id}</eb:MessageId>'
        f'<eb:Timestamp>{ebxml_time(moment)}</eb:Timestamp>'
        f'<eb:RefToMessageId>{escape(message.message_id)}</eb:RefToMessageId></eb:MessageData>'
        f'</eb:MessageHeader>{body}</SOAP:Header><SOAP:Body/></SOAP:Envelope>').encode()


def refusal_codes(body):
    """What Spine says that is wrong: the codes of a SOAP fault, and whether it is a list of ebXML errors."""
    try:
        root = read_xml(body)
    except Unreadable:
        return set(), False
    codes = {element.text.strip() for element in root.iter("errorCode") if element.text}
    return codes, root.find(".//ErrorList") is not None


# --- HL7 payloads -----------------------------------------------------------------------------------

@dataclass
class Wrapper:
    """Who sends an HL7 message to whom."""
    from_asid: str
    to_asid: str
    moment: object


def _payload(interaction, hl7_id, wrapper, subject, acknowledgement_part="", reason=""):
    device = ('<device classCode="DEV" determinerCode="INSTANCE">'
              f'<id root="{ASID}" extension="{{}}"/></device>').format
    return (
        f'<{interaction} xmlns="urn:hl7-org:v3"><id root="{hl7_id}"/>'
        f'<creationTime value="{hl7_time(wrapper.moment)}"/><versionCode code="V3NPfIT3.1.10"/>'
        f'<interactionId root="{INTERACTION}" extension="{interaction}"/><processingCode code="P"/>'
        f'<processingModeCode code="T"/><acceptAckCode code="NE"/>{acknowledgement_part}'
        f'<communicationFunctionRcv typeCode="RCV">{device(wrapper.to_asid)}</communicationFunctionRcv>'
        f'<communicationFunctionSnd typeCode="SND">{device(wrapper.from_asid)}</communicationFunctionSnd>'
        '<ControlActEvent classCode="CACT" moodCode="EVN"><author1 typeCode="AUT"><AgentSystemSDS classCode="AGNT">'
        '<agentSystemSDS classCode="DEV" determinerCode="INSTANCE">'
        f'<id root="{ASID}" extension="{wrapper.from_asid}"/></agentSystemSDS></AgentSystemSDS></author1>'
        f'{reason}{subject}</ControlActEvent></{interaction}>').encode()


def _practice(name, type_code, ods, inside=""):
    return (f'<{name} typeCode="{type_code}">{inside}<AgentOrgSDS classCode="AGNT">'
            '<agentOrganizationSDS classCode="ORG" determinerCode="INSTANCE">'
            f'<id root="{ODS}" extension="{escape(ods)}"/></agentOrganizationSDS></AgentOrgSDS></{name}>')


def _record_target(patient):
    return ('<recordTarget typeCode="RCT"><patient classCode="PAT">'
            f'<id root="{NHS_NUMBER}" extension="{patient}"/></patient></recordTarget>')


def write_request(hl7_id, wrapper, request_id, patient, requester, sender):
    return _payload(REQUEST, hl7_id, wrapper,
                    '<subject typeCode="SUBJ" contextConductionInd="false"><EhrRequest classCode="EXTRACT" moodCode="RQO">'
                    f'<id root="{request_id}"/>{_record_target(patient)}{_practice("author", "AUT", requester)}'
                    f'{_practice("destination", "DST", sender)}</EhrRequest></subject>')


def write_extract(interaction, hl7_id, wrapper, extract_id, patient, sender, requester, request_id, record):
    now = hl7_time(wrapper.moment)
    return _payload(interaction, hl7_id, wrapper,
                    '<subject typeCode="SUBJ" contextConductionInd="false"><EhrExtract classCode="EXTRACT" moodCode="EVN">'
                    f'<id root="{extract_id}"/><statusCode code="COMPLETE"/><availabilityTime value="{now}"/>'
                    f'{_record_target(patient)}{_practice("author", "AUT", sender, f"""<time value="{now}"/>""")}'
                    f'{_practice("destination", "DST", requester)}{record}'
                    '<inFulfillmentOf typeCode="FLFS"><priorEhrRequest classCode="EXTRACT" moodCode="RQO">'
                    f'<id root="{request_id}"/></priorEhrRequest></inFulfillmentOf>'
                    '<limitation typeCode="LIMIT" inversionInd="true">'
                    '<limitingEhrExtractSpecification classCode="OBS" moodCode="DEF">'
                    f'<id root="{new_id()}"/><code code="715751000000105" codeSystem="{SNOMED}"'
                    ' displayName="Entire record available to originator"/>'
                    '</limitingEhrExtractSpecification></limitation></EhrExtract></subject>')


def write_acknowledgement(hl7_id, wrapper, acknowledged, code=None):
    """Positive, or negative with a code in both places where receivers look for it."""
    detail = reason = ""
    if code:
        coded = f'code code="{code}" codeSystem="{RESPONSE}" displayName={quoteattr(CODES[code])}'
        detail = f'<acknowledgementDetail typeCode="ER"><{coded}/></acknowledgementDetail>'
        reason = ('<reason typeCode="RSON"><justifyingDetectedIssueEvent classCode="ALRT" moodCode="EVN">'
                  f'<{coded}><qualifier inverted="false"><value code="ER" codeSystem="{QUALIFIER}"/></qualifier>'
                  '</code></justifyingDetectedIssueEvent></reason>')
    part = (f'<acknowledgement typeCode="{"AE" if code else "AA"}">{detail}'
            f'<messageRef><id root="{acknowledged}"/></messageRef></acknowledgement>')
    return _payload(ACKNOWLEDGEMENT, hl7_id, wrapper, "", part, reason)


def _copc(hl7_id, wrapper, codes, message_type, from_ods, to_ods, subject, value):
    (info, info_name), (body, body_name) = codes
    return _payload(COPC, hl7_id, wrapper,
                    '<subject typeCode="SUBJ" contextConductionInd="false"><PayloadInformation'
                    ' xmlns:npfitlc="NPFIT:HL7:Localisation" classCode="OBS" moodCode="EVN">'
                    f'<code code="{info}" codeSystem="{PAYLOAD}" displayName="{info_name}"/><id root="{hl7_id}"/>'
                    f'<npfitlc:messageType root="2.16.840.1.113883.2.1.3.2.4.18.17" extension="{message_type}"/>'
                    f'<value><Gp2gpfragment xmlns="{SERVICE}"><Version>01</Version><Recipients>'
                    f'<Recipient>{escape(to_ods)}</Recipient></Recipients><From>{escape(from_ods)}</From>'
                    f'<subject>{escape(subject)}</subject><message-id>{hl7_id}</message-id></Gp2gpfragment></value>'
                    '<pertinentInformation typeCode="PERT"><sequenceNumber value="1"/>'
                    '<pertinentPayloadBody classCode="OBS" moodCode="EVN">'
                    f'<code code="{body}" codeSystem="{PAYLOAD}" displayName="{body_name}"/><id root="{hl7_id}"/>'
                    f'<value>{value}</value></pertinentPayloadBody></pertinentInformation></PayloadInformation></subject>')


def write_continue(hl7_id, wrapper, from_ods, to_ods, core_id):
    device = f'<device><id root="{ASID}" extension="{{}}"/></device>'.format
    go_on = f'code code="0" codeSystem="{RESPONSE}" displayName="Continue"/'
    value = (f'<Gp2gpfragment xmlns="{SERVICE}"><Message xmlns="urn:hl7-org:v3" type="Message"><id root="{hl7_id}"/>'
             f'<{go_on}><creationTime value="{hl7_time(wrapper.moment)}"/><versionCode code="V3NPfIT3.1.09"/>'
             f'<interactionId root="{INTERACTION}" extension="{ACKNOWLEDGEMENT}"/><processingCode code="P"/>'
             '<processingModeCode code="T"/><acceptAckCode code="NE"/><acknowledgement typeCode="AA">'
             f'<acknowledgementDetail typeCode="IF"><{go_on}></acknowledgementDetail>'
             f'<messageRef><id root="{core_id}"/></messageRef></acknowledgement>'
             f'<communicationFunctionRcv>{device(wrapper.to_asid)}</communicationFunctionRcv>'
             f'<communicationFunctionSnd>{device(wrapper.from_asid)}</communicationFunctionSnd></Message>'
             f'<acknowledgedMessage><id root="{core_id}"/></acknowledgedMessage></Gp2gpfragment>')
    codes = (("GP2GP_PI", "GP2GP Payload Information"), ("GP2GP_PB", "GP2GP Payload Body"))
    return _copc(hl7_id, wrapper, codes, "RCMR_MT000002GB01", from_ods, to_ods, "Continue Acknowledgement", value)


def write_fragment(hl7_id, wrapper, from_ods, to_ods, file_url, file_name):
    codes = (("GP2GPLMATTACHMENTINFO", "GP2GP Large Message Attachment Information"),
             ("GP2GPLMATTACHMENT", "GP2GP Large Message Attachment"))
    return _copc(hl7_id, wrapper, codes, "RCMR_MT000001GB01", from_ods, to_ods, f"Attachment: {file_name}",
                 f'<reference value={quoteattr(file_url)}/>')


def read_acknowledgement(root):
    """What is acknowledged, and with which code: None if it is positive."""
    acknowledged = attribute(root, "acknowledgement/messageRef/id", "root")
    if acknowledged is None:
        # Spine itself writes this element in small letters.
        acknowledged = attribute(root, "acknowledgement/messageref/id", "root")
    type_code = attribute(root, "acknowledgement", "typeCode")
    if acknowledged is None or type_code is None:
        raise Unreadable("an acknowledgement of nothing")
    if type_code == "AA":
        return acknowledged.upper(), None
    reason = attribute(root, "ControlActEvent/reason/justifyingDetectedIssueEvent/code", "code")
    detail = attribute(root, "acknowledgement/acknowledgementDetail/code", "code")
    return acknowledged.upper(), reason or detail or "99"


def continues(root):
    """The core that a Continue asks to go on with; None if it is another COPC."""
    if "continue" not in text(root, ".//PayloadInformation/value/Gp2gpfragment/subject").lower():
        return None
    return (attribute(root, ".//pertinentPayloadBody//messageRef/id", "root") or "").upper()
