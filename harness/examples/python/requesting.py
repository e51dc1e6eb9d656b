"""A requesting system: registers a patient, asks for the record, and takes it."""

import hashlib
from datetime import timedelta
from urllib.parse import unquote

from attachments import SKELETON, Description, check_part, is_placeholder, join, unpack
from clock import FOREVER, Mailbox, Reminders
from messages import (ACKNOWLEDGEMENT, COPC, EXTRACT, EXTRACTS, REQUEST, Unreadable, attribute, new_id, read_acknowledgement,
                      read_xml, write_continue, write_request)
from mhs import Correspondent, MessageHandler, NotSent
from services import NoAnswer, NotOne, Refused
from store import once

DECISIONS = {"integrate": (None, "integrated"), "suppress": ("15", "suppressed"),
             "fail-to-integrate": ("11", "failed to integrate")}


class NoRequest(Exception):
    """Why no record is asked for."""


class Requesting(MessageHandler):
    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.transfers, self.mailboxes = {}, {}
        self.came_from = {}  # of patients whose registration has led to no request yet
        self.at_the_desk = set()
        self.declined = []

    # What people do -------------------------------------------------------------------------------

    def register(self, act):
        self.keep("begin_transfer", act)

    def _register(self, act):
        try:
            to = self.find_out(act["patient"], act.get("gp"))
        except NoRequest as error:
            self.declined.append({"observation": "transfer", "patient": act["patient"],
                                  "state": f"no request: {error}", "print_state": None})
            self.notify({"notice": "declined", "act": act, "why": str(error)})
            return
        transfer = Transfer(self, act["patient"], to)
        self.transfers[to.conversation_id] = transfer
        transfer.run()

    def decide(self, act):
        """Gives why not, if so."""
        waiting = [transfer for transfer in self.transfers.values()
                   if transfer.patient == act["patient"] and transfer.state == "ready to integrate"]
        if not waiting:
            return "no record waits for a decision"
        self.keep("hand_over", waiting[0].to.conversation_id.upper(), act["decision"])
        return None

    # Who has the record ---------------------------------------------------------------------------

    def find_out(self, number, gp):
        """Registers the patient, and finds the one system that has the record."""
        if not once(lambda: number not in self.at_the_desk):
            raise NoRequest("the patient is being registered already")
        self.at_the_desk.add(number)
        try:
            previous = self.register_on_pds(number, gp)
            if previous is None:
                raise NoRequest("the patient had no practice")
            if previous == self.practice["ods"]:
                raise NoRequest("the patient was here before")
            if previous in self.practice.get("shares_database_with", []):
                raise NoRequest(f"{previous} has the same database")
            if not self.practice["enabled"]:
                raise NoRequest("GP2GP is switched off")
            if self.services.is_pooled(previous):
                raise NoRequest(f"the list of {previous} is pooled")
            asid, party_key = self.services.system(previous, REQUEST)
        except NotOne as error:
            raise NoRequest(f"24, {error}") from error
        except (NoAnswer, Refused) as error:
            raise NoRequest(f"20, {error}") from error
        finally:
            self.at_the_desk.discard(number)
        self.came_from.pop(number, None)
        return Correspondent(new_id(), asid, party_key, previous)

    def register_on_pds(self, number, gp):
        """The practice that had the patient. Nothing is asked for before PDS has the registration."""
        for _ in range(3):
            patient = self.services.patient(number)
            if patient.is_sensitive:
                raise NoRequest("the record of the patient is sensitive")
            kind, code = ("Practitioner", gp) if gp else ("Organization", self.practice["ods"])
            if patient.registered_with == code:
                # Perhaps by an earlier try, whose answer was lost, or which led to no request.
                return self.resolve(once(lambda: self.came_from.get(number, (code, bool(gp)))))
            self.came_from[number] = (patient.registered_with, patient.with_gp)
            try:
                self.services.register(number, patient, kind, code)
            except Refused as error:
                if error.status not in (409, 412):
                    raise
                continue
            return self.resolve(self.came_from[number])
        raise NoRequest("somebody else kept changing the record on PDS")

    def resolve(self, registered):
        code, is_gp = registered
        if code is None or not is_gp:
            return code
        return self.services.practice_of_gp(code)

    # What Spine delivers --------------------------------------------------------------------------

    def take(self, message):
        key = message.conversation_id.upper()
        if key in self.transfers:
            self.keep("hand_over", key, message)
        elif message.action in EXTRACTS:
            self.keep("turn_away", message)

    def refuse_unrequested(self, message):
        try:
            asid = attribute(message.hl7(), "communicationFunctionSnd/device/id", "extension")
        except Unreadable:
            asid = ""
        to = Correspondent(message.conversation_id, asid or "", message.from_party, "")
        self.acknowledge(to, message.message_id, "09")

    # What follows from it, now and after a restart --------------------------------------------------

    def begin_transfer(self, number, act):
        self.spawn(number, self._register, act)

    def hand_over(self, number, key, item):
        self.mailbox_of(key).put(number, item)

    def turn_away(self, number, message):
        self.spawn(number, self.refuse_unrequested, message)

    def mailbox_of(self, key):
        """Of a transfer, even before that has come to where it was."""
        with self.clock.lock:
            return self.mailboxes.setdefault(key, Mailbox(self.clock))

    def observe(self):
        observations = []
        for transfer in self.transfers.values():
            observations += transfer.filed
            observations.append({"observation": "transfer", "patient": transfer.patient, "state": transfer.state + transfer.warning,
                                 "print_state": None})
        return observations + self.declined


class Core:
    """The extract of a transfer, and what has come of what it promises."""

    def __init__(self, message):
        self.message = message
        self.root = message.hl7()
        extract = self.root.find("ControlActEvent/subject/EhrExtract")
        self.id = attribute(self.root, "id", "root")
        if extract is None or self.id is None or extract.find("component/ehrFolder") is None:
            raise Unreadable("no EhrExtract with a folder")
        practice = "AgentOrgSDS/agentOrganizationSDS/id"
        self.extract_id = attribute(extract, "id", "root")
        self.patient = attribute(extract, "recordTarget/patient/id", "extension")
        self.author = attribute(extract, f"author/{practice}", "extension")
        self.sender_asid = attribute(self.root, "communicationFunctionSnd/device/id", "extension")
        if not self.patient or not self.extract_id:
            raise Unreadable("an extract of nobody")
        for attachment in message.attachments:
            check_part(attachment)
        self.links = {attribute(document, "id", "root").upper(): attribute(document, "text/reference", "value") or ""
                      for document in extract.iter("referredToExternalDocument")}
        self.promises = {it.target.upper() for it in message.attachments if it.is_promise}


class Transfer:
    """One record on its way in: `run` is its whole life, in a thread of its own."""

    def __init__(self, system, patient, to):
        self.system, self.patient, self.to = system, patient, to
        self.mailbox = system.mailbox_of(to.conversation_id.upper())
        self.core, self.state, self.filed = None, "requested", []
        self.fragments = {}  # COPCs by id
        self.documents = {}  # what was read, by its place in the manifest of the core
        self.due, self.reminders, self.warning = FOREVER, None, ""

    def run(self):
        if not self.ask():
            return
        while True:
            message = self.mailbox.get(self.wakes_at(), "time-out, or a record that still waits for people")
            if message is None:
                self.look_up()
            elif isinstance(message, str):
                self.carry_out(message)
            elif message.action == ACKNOWLEDGEMENT:
                self.take_acknowledgement(message)
            elif message.action in EXTRACTS:
                self.take_core(message)
            elif message.action == COPC:
                self.take_fragment(message)

    def is_open(self):
        return self.state in ("requested", "receiving")

    def ask(self):
        self.request_id = new_id()
        payload = write_request(self.request_id, self.system.wrapper(self.to), new_id(), self.patient,
                                self.system.practice["ods"], self.to.ods)
        try:
            self.system.post(self.to, REQUEST, self.request_id, payload)
            return True
        except NotSent as error:
            self.system.log(f"request not sent: {error}")
            self.state = "request not sent"
            return False

    def take_acknowledgement(self, message):
        """A negative one of the request ends the transfer; a late one changes nothing any more."""
        try:
            acknowledged, code = read_acknowledgement(message.hl7())
        except Unreadable as error:
            self.system.log(f"ignored: {error}")
            return
        if code and acknowledged == self.request_id and self.state == "requested" and self.core is None:
            self.state = f"refused with {code}"

    # The core -------------------------------------------------------------------------------------

    def take_core(self, message):
        if self.state in ("receiving", "ready to integrate", "integrated", "suppressed"):
            # The second of two: the first goes on.
            self.system.acknowledge(self.to, message.message_id, "12")
            return
        try:
            self.core = core = Core(message)
        except Unreadable as error:
            self.system.log(f"core: {error}")
            self.state = "failed: 21"
            self.system.acknowledge(self.to, message.message_id, "21")
            return
        self.to.party_key = message.from_party or self.to.party_key
        if core.patient != self.patient:
            self.refuse("17" if self.patient in self.system.patients else "28", "rejected: not the patient asked for")
            return
        self.state, self.record, self.documents = "receiving", message.payload, {}
        # People decide on a record from elsewhere; they have to see where it is from.
        if core.author != self.to.ods:
            self.warning = f": from practice {core.author}, {self.to.ods} was asked"
        elif core.sender_asid != self.to.asid:
            self.warning = f": from system {core.sender_asid}, {self.to.asid} was asked"
        if core.promises:
            self.set_time_out()
            if not self.go_on():
                return
        self.put_together()

    def go_on(self):
        message_id = new_id()
        payload = write_continue(message_id, self.system.wrapper(self.to), self.system.practice["ods"], self.to.ods,
                                 self.core.message.message_id)
        try:
            self.system.post(self.to, COPC, message_id, payload)
            return True
        except NotSent as error:
            self.system.log(f"Continue not sent: {error}")
            self.refuse("20", "failed: 20")
            return False

    def set_time_out(self):
        """Counted anew whenever an index promises more."""
        services, own = self.system.services, self.system.practice["party_key"]
        promised = len(self.core.promises) + sum(
            1 for fragment in self.fragments.values() for it in fragment.attachments if it.is_promise)
        try:
            patience = (services.contract(self.core.message.action, party_key=own).persist_seconds
                        + promised * services.contract(COPC, party_key=own).persist_seconds)
        except (NotOne, NoAnswer, Refused) as error:
            self.system.log(f"no time-out known: {error}")
            patience = 24 * 3600
        self.due = self.core.message.timestamp + timedelta(seconds=patience)

    def wakes_at(self):
        return self.reminders.next(self.due) if self.state == "ready to integrate" else self.due

    def look_up(self):
        """It is late: for what is promised, or for people."""
        if self.state == "receiving":
            self.refuse("31", "timed out")
        elif self.state == "ready to integrate":
            after = self.reminders.pop(self.system.now())
            self.system.alert(self.patient, self.to.conversation_id, concern="not-filed", after=after)

    def refuse(self, code, state):
        self.state, self.due = state, FOREVER
        self.system.acknowledge(self.to, self.core.id, code)

    # Fragments ------------------------------------------------------------------------------------

    def take_fragment(self, message):
        """Every fragment is acknowledged once: at the latest with what it completes."""
        id = message.message_id.upper()
        if self.state == "timed out":
            self.system.acknowledge(self.to, message.message_id, "25")
            return
        if not self.is_open():
            self.system.acknowledge(self.to, message.message_id, "30")
            return
        try:
            root = message.hl7()
            if not message.attachments or root.find("ControlActEvent/subject/PayloadInformation") is None:
                raise Unreadable("a fragment of nothing")
            for attachment in message.attachments:
                check_part(attachment)
        except Unreadable as error:
            self.system.log(f"fragment: {error}")
            self.system.acknowledge(self.to, message.message_id, "30")
            if self.core:
                self.refuse("31", "failed: 30")
            return
        self.fragments[id] = message
        if self.core and any(it.is_promise for it in message.attachments):
            self.set_time_out()
        self.put_together(message.message_id)

    def put_together(self, last=None):
        """Every document that is there now, or what is wrong with it. `last` is the fragment that has not been
        acknowledged yet: its acknowledgement says whether what it completes could be put together."""
        try:
            if self.core:
                self.read_documents()
        except Unreadable as error:
            self.system.log(f"documents: {error}")
            if last:
                self.system.acknowledge(self.to, last, "29")
                self.refuse("31", "failed: 29")
            else:
                self.refuse("21", "failed: 21")
            return
        is_whole = self.core and len(self.documents) == len(self.core.message.attachments)
        if is_whole:
            self.state, self.due = "ready to integrate", FOREVER
            self.reminders = Reminders(self.system.now())
        if last:
            self.system.acknowledge(self.to, last)
        if is_whole:
            self.system.notify({"notice": "ready-to-integrate", "patient": self.patient})

    def is_here(self, attachment):
        """Whether an attachment has come, with everything that it promises."""
        if not attachment.is_promise:
            return True
        fragment = self.fragments.get(attachment.target.upper())
        return fragment is not None and all(map(self.is_here, fragment.attachments))

    def texts(self, attachment):
        """The base64 texts of what an attachment is or promises, in order; and the type that its part has."""
        if not attachment.is_promise:
            return [attachment.base64], attachment.media_type
        texts, media_type = [], attachment.media_type
        for inner in self.fragments[attachment.target.upper()].attachments:
            more, media_type = self.texts(inner)
            texts += more
        return texts, media_type

    def read_documents(self):
        """Reads what has come and was not read yet, by its place in the manifest."""
        for place, attachment in enumerate(self.core.message.attachments):
            if place not in self.documents and self.is_here(attachment):
                self.documents[place] = self.read_document(attachment)

    def read_document(self, attachment):
        described = Description.read(attachment.description)
        texts, part_type = self.texts(attachment)
        content = join(texts)
        if described.compressed:
            content = unpack(content)
        if described.domain_data == SKELETON:
            self.record = self.restored(content)
            return None
        link = unquote(self.core.links.get(attachment.id.upper(), "").removeprefix("file://localhost/"))
        # Some write names as they stand in the link; the link says which they mean.
        is_quoted = link and unquote(described.file_name) == link
        name = link if is_quoted else described.file_name or link or attachment.id
        return self.stored(name, described.content_type or part_type, content)

    def stored(self, name, media_type, content):
        return {"observation": "stored", "patient": self.patient, "file_name": name, "media_type": media_type,
                "sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content),
                "placeholder": is_placeholder(name)}

    def restored(self, content):
        """The record that a skeleton stands for: it has the same id."""
        if attribute(read_xml(content), ".//EhrExtract/id", "root") != self.core.extract_id:
            raise Unreadable("the skeleton belongs to another extract")
        return content

    # People ---------------------------------------------------------------------------------------

    def carry_out(self, decision):
        if self.state != "ready to integrate":
            return
        if decision == "reject":
            code, state = ("17" if self.patient in self.system.patients else "28"), "rejected"
        else:
            code, state = DECISIONS[decision]
        if state in ("integrated", "suppressed"):
            self.filed = [document for document in self.documents.values() if document]
            self.filed.append(self.stored("record.xml", "text/xml", self.record))
        self.state = state
        self.system.acknowledge(self.to, self.core.id, code)
