"""A sending system: answers a request with the record."""

import base64
from datetime import timedelta

from attachments import (SKELETON, Description, Link, carried_name, carried_type, file_url, is_placeholder, links, pack,
                         placeholder, relink, skeleton, split)
from clock import FOREVER, Mailbox, Reminders
from messages import (ACKNOWLEDGEMENT, COPC, EXTRACT, EXTRACT_WITH_REDACTIONS, REQUEST, Attachment, Unreadable,
                      attribute, continues, new_id, read_acknowledgement, write, write_extract, write_fragment)
from mhs import Correspondent, MessageHandler, NotSent
from services import NoAnswer, NotOne, Refused

FILED = {None: "integrated", "15": "stored as suppressed", "26": "filed as an attachment"}
AGAIN = "send the record again"
INLINE = 98  # attachments beside envelope and payload
WAITS = timedelta(days=8)  # for the final acknowledgement
REPEATABLE = timedelta(weeks=12)  # since the request (S6)


class Refusal(Exception):
    """The request is answered with this code."""

    def __init__(self, code):
        super().__init__(code)
        self.code = code


class Document:
    """A document as it will travel."""

    def __init__(self, id, name, media_type, content, is_own_placeholder=False, listed=None, skeleton=False,
                 may_compress=False):
        self.id, self.name, self.media_type = id, name, media_type
        packed = pack(content) if may_compress else content
        # A scan grows when it is packed once more.
        self.compressed = skeleton or len(packed) < len(content)
        self.text = base64.b64encode(packed if self.compressed else content).decode()
        self.is_own_placeholder, self.listed, self.skeleton = is_own_placeholder, listed, skeleton
        self.promise = None  # MessageId of the COPC that brings it, if not the core

    def description(self, large=False):
        domain = SKELETON if self.skeleton else ""
        return Description(self.name, self.media_type, compressed=self.compressed, large=large,
                           length=len(self.text), domain_data=domain).write()

    def enclosed(self, large=False):
        return Attachment(f"cid:{self.id}", self.description(large), self.id, carried_type(self.media_type), self.text)

    def promised(self, large):
        return Attachment(f"mid:{self.promise}", self.description(large), self.id)


class Sending(MessageHandler):
    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.transfers = {}

    # What people do -------------------------------------------------------------------------------

    def send_again(self, patient):
        """Gives why not, if so."""
        sent = [transfer for transfer in self.transfers.values() if transfer.patient == patient and transfer.core]
        if not sent:
            return "no record of this patient was sent"
        if self.clock.now() > sent[-1].requested_at + REPEATABLE:
            return "the record was asked for more than twelve weeks ago"
        self.keep("hand_over", sent[-1].request.conversation_id.upper(), AGAIN)
        return None

    # What Spine delivers --------------------------------------------------------------------------

    def take(self, message):
        key = message.conversation_id.upper()
        if message.action == REQUEST:
            # The same request again is no second transfer.
            if key not in self.transfers:
                self.keep("begin_transfer", key, message, self.clock.now())
        elif key in self.transfers and message.action in (COPC, ACKNOWLEDGEMENT):
            self.keep("hand_over", key, message)

    # What follows from it, now and after a restart --------------------------------------------------

    def begin_transfer(self, number, key, message, now):
        self.transfers[key] = Transfer(self, message, now)
        self.spawn(number, self.transfers[key].run)

    def hand_over(self, number, key, item):
        self.transfers[key].mailbox.put(number, item)

    def observe(self):
        return [transfer.observation() for transfer in self.transfers.values() if transfer.patient]


class Transfer:
    """One record on its way out: `run` is its whole life, in a thread of its own."""

    def __init__(self, system, message, requested_at):
        self.system, self.request, self.mailbox = system, message, Mailbox(system.clock)
        self.to = self.patient = self.ehr_request_id = None
        self.requested_at = requested_at
        self.documents, self.core, self.core_id, self.copcs = [], None, None, set()
        self.state, self.print_state, self.left_in_store = "requested", 5, 0
        self.due, self.reminders = FOREVER, None

    def observation(self):
        told = {"observation": "transfer", "patient": self.patient, "state": self.state,
                "print_state": self.print_state}
        return {**told, "left_in_store": self.left_in_store} if self.left_in_store else told

    def run(self):
        try:
            self.read_request()
            record = self.look_up()
            core = self.plan(record)
        except Refusal as refusal:
            self.refuse(refusal.code)
            return
        if not self.send(core):
            return
        while True:
            self.attend(self.mailbox.get(self.wakes_at(), "no final acknowledgement yet"))

    # Before anything leaves -----------------------------------------------------------------------

    def read_request(self):
        """Who asks, and for whom. Without the system that asks nobody can be answered."""
        message, conversation = self.request, self.request.conversation_id
        try:
            root = message.hl7()
        except Unreadable:
            # The party key begins with the code of the practice.
            self.to = Correspondent(conversation, "", message.from_party, message.from_party.split("-")[0])
            raise Refusal("18") from None
        asked = "ControlActEvent/subject/EhrRequest/"
        asid = attribute(root, "communicationFunctionSnd/device/id", "extension")
        practice = "AgentOrgSDS/agentOrganizationSDS/id"
        requester = attribute(root, f"{asked}author/{practice}", "extension")
        sender = attribute(root, f"{asked}destination/{practice}", "extension")
        self.to = Correspondent(conversation, asid or "", message.from_party, requester or "")
        self.patient = attribute(root, f"{asked}recordTarget/patient/id", "extension")
        self.ehr_request_id = attribute(root, f"{asked}id", "root")
        self.acknowledged = attribute(root, "id", "root") or message.message_id
        if not all([asid, requester, sender, self.patient, self.ehr_request_id]) or not is_number(self.patient):
            self.patient = self.patient if self.patient and is_number(self.patient) else None
            raise Refusal("18")
        if not self.system.practice["enabled"]:
            raise Refusal("07")
        if self.patient not in self.system.patients:
            raise Refusal("06")

    def look_up(self):
        """Whether the record may leave; then the record, and its documents."""
        services, ods = self.system.services, self.system.practice["ods"]
        self.check_practice()
        try:
            services.system(self.to.ods, EXTRACT)
            self.takes_large = services.takes(self.to.ods, COPC)
            self.sends_large = services.takes(ods, COPC)
        except NotOne:
            raise Refusal("24") from None
        except (NoAnswer, Refused):
            raise Refusal("20") from None
        try:
            record = services.record(self.patient)
            listed = services.documents(self.patient)
        except (NoAnswer, Refused):
            raise Refusal("10") from None
        if record is None:
            raise Refusal("99" if self.patient in self.system.awaits else "10")
        new_links = []
        for link in links(record):
            document = self.fetch(link, listed, ods)
            self.documents.append(document)
            new_links.append(Link(link.id, document.name, document.media_type))
        return relink(record, new_links)

    def check_practice(self):
        """Only the patient's current practice gets the record."""
        services = self.system.services
        try:
            patient = services.patient(self.patient)
            current = patient.registered_with
            if patient.with_gp:
                current = services.practice_of_gp(current)
        except NotOne:
            raise Refusal("24") from None
        except (NoAnswer, Refused):
            raise Refusal("20") from None
        if patient.is_sensitive or current != self.to.ods:
            raise Refusal("19")

    def fetch(self, link, listed, ods):
        """The document that a link names, or a placeholder."""
        entry = next((entry for entry in listed if entry.title == link.name), None)
        content, reason = None, "02"
        if entry:
            listed.remove(entry)
            content, reason = self.system.services.content(entry, link.media_type or entry.media_type)
        used = {document.id for document in self.documents}
        id = new_id() if link.id in used else link.id
        if content is None:
            name, content = placeholder(link.name, ods, self.to.conversation_id, reason)
            return Document(id, name, "text/plain", content, is_own_placeholder=True)
        return Document(id, carried_name(link.name), link.media_type or entry.media_type, content, listed=entry,
                        may_compress=self.takes_large and self.sends_large and not is_placeholder(link.name))

    # How it travels -------------------------------------------------------------------------------

    def plan(self, record):
        """Fills the core as far as it goes, and promises the rest. A record that is too large becomes a skeleton."""
        practice = self.system.practice
        self.interaction = EXTRACT_WITH_REDACTIONS if 'code="NOPAT"' in record else EXTRACT
        if self.interaction == EXTRACT_WITH_REDACTIONS and not self.listed_for(EXTRACT_WITH_REDACTIONS):
            raise Refusal("10")
        self.limit = practice["message_bytes"]
        self.piece = min(practice["attachment_bytes"], self.limit - 12_000)
        self.core_id, extract_id, wrapper = new_id(), new_id(), self.system.wrapper(self.to)

        def extract(record):
            return write_extract(self.interaction, self.core_id, wrapper, extract_id, self.patient,
                                 practice["ods"], self.to.ods, self.ehr_request_id, record)
        payload = extract(record)
        if self.size(payload, []) > self.limit or self.room(payload) < 0:
            name = f"{new_id()}_EhrExtract.xml"
            whole = Document(new_id(), name, "text/xml", payload, skeleton=True, may_compress=True)
            self.documents.insert(0, whole)
            payload = extract(skeleton(record, whole.id, name))
            if self.room(payload) < 0:
                raise Refusal("10")
        room, inline = self.room(payload), 0
        for document in self.documents:
            document.promise = new_id()
            needs = len(document.text) + 400
            fits = len(document.text) <= practice["attachment_bytes"] and needs <= room
            if fits and inline < INLINE:
                document.promise, room, inline = None, room - needs, inline + 1
        needs_large = any(document.promise or document.compressed or document.media_type
                          != carried_type(document.media_type) for document in self.documents)
        if needs_large and not self.takes_large:
            raise Refusal("14")
        if needs_large and not self.sends_large:
            raise Refusal("23")
        return payload

    def listed_for(self, interaction):
        try:
            return self.system.services.takes(self.to.ods, interaction)
        except (NoAnswer, Refused):
            raise Refusal("20") from None

    def attachments(self):
        return [document.promised(self.is_large(document)) if document.promise else document.enclosed()
                for document in self.documents]

    def is_large(self, document):
        """Whether it travels in pieces."""
        return len(document.text) > self.piece

    def size(self, payload, attachments):
        message = self.system.message(self.to, self.interaction, self.core_id, payload, attachments, "x" * 20)
        return len(write(message)[1])

    def room(self, payload):
        """Bytes that are left in the core when it promises everything."""
        promises = [Attachment("mid:" + "x" * 36, document.description(), document.id)
                    for document in self.documents]
        return self.limit - self.size(payload, promises) - 200

    # On its way -----------------------------------------------------------------------------------

    def send(self, core):
        """The core, and what the acknowledgement of the request says. Whether it left."""
        try:
            self.check_practice()  # once more: reading documents may have taken a while
        except Refusal as refusal:
            self.refuse(refusal.code)
            return False
        try:
            self.post_core(self.core_id, core)
        except NotSent as error:
            self.system.log(f"extract not sent: {error}")
            self.refuse("20")
            return False
        self.core = core
        self.system.acknowledge(self.to, self.acknowledged)
        return True

    def post_core(self, message_id, core):
        """From now on it is waited for its acknowledgement, and people are reminded."""
        posted_at = self.system.now()
        self.state, self.print_state = "sent", 5
        self.due, self.reminders = posted_at + WAITS, Reminders(posted_at)
        self.continued, self.core_ids = False, {message_id}
        self.system.post(self.to, self.interaction, message_id, core, self.attachments())

    def refuse(self, code):
        self.state, self.print_state = f"refused with {code}", 4
        acknowledged = getattr(self, "acknowledged", self.request.message_id)
        if not self.to.asid:
            self.to.asid = self.asid_of_requester()
        self.system.acknowledge(self.to, acknowledged, code)

    def asid_of_requester(self):
        """Of a request that does not say it: the directory may know."""
        try:
            return self.system.services.system(self.to.ods, ACKNOWLEDGEMENT)[0] if self.to.ods else ""
        except (NotOne, NoAnswer, Refused):
            return ""

    # After it has left ----------------------------------------------------------------------------

    def is_open(self):
        return self.state == "sent"

    def wakes_at(self):
        return self.reminders.next(self.due) if self.is_open() else FOREVER

    def attend(self, message):
        if message is None:
            self.remind()
        elif message == AGAIN:
            self.send_again()
        elif message.action == ACKNOWLEDGEMENT:
            self.take_acknowledgement(message)
        else:
            self.take_continue(message)

    def remind(self):
        """Nobody has filed the record yet."""
        if self.system.now() >= self.due:
            self.state, self.print_state = "failed: no acknowledgement for 8 days", 4
            return
        after = self.reminders.pop(self.system.now())
        self.system.alert(self.patient, self.to.conversation_id, concern="not-acknowledged", after=after)

    def take_continue(self, message):
        """Sends every promised message, once. A record that was turned away meanwhile is not sent any further."""
        try:
            continued = continues(message.hl7())
        except Unreadable as error:
            self.system.log(f"ignored: {error}")
            return
        promised = [document for document in self.documents if document.promise]
        if continued not in self.core_ids or self.continued or not self.is_open():
            return
        self.continued = True
        for message_id, payload, attachments in (it for document in promised for it in self.fragments(document)):
            while (message := self.mailbox.get(self.system.now(), "", is_acknowledgement)) is not None:
                self.take_acknowledgement(message)
            if not self.is_open():
                return
            try:
                self.copcs.add(message_id)
                self.system.post(self.to, COPC, message_id, payload, attachments)
            except NotSent as error:
                self.system.log(f"fragment not sent: {error}")

    def send_again(self):
        """The same record under a new message id; after a failure with everything that it promises."""
        try:
            self.check_practice()  # the patient may have moved on
        except Refusal as refusal:
            self.system.log(f"not sent again: {refusal.code}")
            return
        message_id = new_id()
        try:
            if self.state.startswith("failed"):
                for document in self.documents:
                    document.promise = document.promise and new_id()
                self.post_core(message_id, self.core)
            else:
                self.core_ids.add(message_id)
                self.system.post(self.to, self.interaction, message_id, self.core, self.attachments())
        except NotSent as error:
            self.system.log(f"extract not sent again: {error}")

    def fragments(self, document):
        """The messages that bring a document: itself, or an index and its pieces."""
        if not self.is_large(document):
            name, url = document.name, file_url(document.name)
            yield self.fragment(document.promise, name, url, [document.enclosed()])
            return
        pieces = split(document.text, self.piece)
        ids = [new_id() for _ in pieces]
        names = [f"{document.promise}_{number}.messageattachment" for number in range(len(pieces))]

        def described(number):
            return Description(names[number], document.media_type, length=len(pieces[number])).write()
        index = [Attachment(f"mid:{id}", described(number), new_id()) for number, id in enumerate(ids)]
        yield self.fragment(document.promise, document.name, file_url(document.name), index)
        for number, (id, piece) in enumerate(zip(ids, pieces)):
            part = new_id()
            attachment = Attachment(f"cid:{part}", described(number), part, carried_type(document.media_type), piece)
            yield self.fragment(id, names[number], names[number], [attachment])

    def fragment(self, message_id, name, url, attachments):
        payload = write_fragment(message_id, self.system.wrapper(self.to), self.system.practice["ods"], self.to.ods,
                                 url, name)
        return message_id, payload, attachments

    # The end --------------------------------------------------------------------------------------

    def take_acknowledgement(self, message):
        """The final one, unless the transfer has ended already, or it is that of something else."""
        try:
            acknowledged, code = read_acknowledgement(message.hl7())
        except Unreadable as error:
            self.system.log(f"ignored: {error}")
            return
        if acknowledged != self.core_id or not self.is_open():
            return
        if code in (None, "15", "26"):
            own = any(document.is_own_placeholder for document in self.documents)
            self.state, self.print_state = FILED[code], 2 if own else 1
            if code is None:
                self.clean_up()
            return
        if code in ("17", "28"):
            self.system.alert(self.patient, self.to.conversation_id, concern="wrong-patient", code=code)
        self.state, self.print_state = f"failed: {code}", 3 if self.copcs else 4

    def clean_up(self):
        """Only after AA: on every other outcome the documents stay."""
        if self.system.practice["cleanup"] != "after-final-ack":
            return
        for document in self.documents:
            if document.listed and not self.system.services.clean_up(document.listed):
                self.left_in_store += 1


def is_acknowledgement(message):
    return message != AGAIN and message.action == ACKNOWLEDGEMENT


def is_number(text):
    """Whether the check digit of an NHS number fits."""
    if len(text) != 10 or not text.isdigit():
        return False
    check = 11 - sum(int(digit) * weight for digit, weight in zip(text, range(10, 1, -1))) % 11
    return check != 10 and check % 11 == int(text[9])
