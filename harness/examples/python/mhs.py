"""The message handler of one practice: takes what Spine delivers, and posts to Spine."""

from datetime import datetime, timedelta, timezone

from clock import Clock
from messages import (ACKNOWLEDGEMENT, CODES, SERVICE, Message, Unreadable, Wrapper, acknowledgement, message_error,
                      new_id, read, refusal_codes, write, write_acknowledgement)
from services import NoAnswer, NotOne, Refused, Services, exchange
from store import Store, once

LIVES = timedelta(days=14)  # longer than anybody waits for anything
RETRIABLE = {"200", "206", "208"}


class NotSent(Exception):
    """Spine did not take a message, however often it was posted."""


class Correspondent:
    """The other practice in a conversation."""

    def __init__(self, conversation_id, asid, party_key, ods):
        self.conversation_id, self.asid, self.party_key, self.ods = conversation_id, asid, party_key, ods


def refuse(content_type, body):
    """The answer to a delivery before anybody has said which practice this is: it is for somebody else."""
    try:
        message = read(content_type, body)
    except Unreadable as error:
        return 400, f"unreadable: {error}".encode()
    return 200, message_error(new_id(), "nobody", message, datetime.now(timezone.utc), "ValueNotRecognized",
                              "501314:Invalid To Party Type attribute")


class MessageHandler:
    """What sending and requesting systems share. They add `take(message)`."""

    def __init__(self, setting, clock_setting, notify, log, store=None):
        self.setting, self.practice = setting, setting["practice"]
        self.patients = set(setting["patients"])
        self.awaits = set(setting.get("awaits", []))
        self.clock = Clock(*clock_setting)
        self.services = Services(setting, self.clock)
        self.store = store or Store()
        self.log = log
        self._show = notify
        self._spine = setting["services"]["spine"] + "/reliablemessaging/forwardreliable"

    def begin(self):
        """Comes to where it was when it went down, if it ever did."""
        for number, (effect, *about) in enumerate(self.store.inputs()):
            getattr(self, effect)(number, *about)
        self.clock.begin()

    def risen(self):
        """The same practice after a restart."""
        risen = type(self)(self.setting, (self.clock.now(), self.clock.rate), self._show, self.log, self.store)
        risen.begin()
        return risen

    def close(self):
        """Goes down. What is open is gone; what is stored is not."""
        self.clock.close()

    def keep(self, effect, *about):
        """Something comes in. It is stored, and has its effect, now and after every restart."""
        with self.clock.lock:
            self.clock.check()
            getattr(self, effect)(self.store.add(effect, *about), *about)

    def spawn(self, number, task, *arguments):
        """The work that begins with an input."""
        self.clock.spawn(self.store.journal(number), task, *arguments)

    def now(self):
        return once(self.clock.now)

    def notify(self, notice):
        """Shows something to people."""
        once(lambda: self._show(notice))

    # What Spine delivers --------------------------------------------------------------------------

    def deliver(self, content_type, body):
        """Takes a delivery, once. Gives status, and body of the HTTP answer."""
        self.clock.check()
        if self.store.is_full:
            return 503, b"no room to store it"
        now = self.clock.now()
        try:
            message = read(content_type, body)
        except Unreadable as error:
            self.log(f"unreadable delivery: {error}")
            return 400, f"unreadable: {error}".encode()
        own = self.practice["party_key"]
        if message.to_party.upper() != own.upper():
            return 200, message_error(new_id(), own, message, now, "ValueNotRecognized",
                                      "501314:Invalid To Party Type attribute")
        if message.time_to_live and message.time_to_live < now:
            self.log(f"{message.action} {message.message_id} is past its TimeToLive")
            return 200, message_error(new_id(), own, message, now, "TimeToLiveExpired", "the message came too late")
        # A message that comes again is acknowledged again, and has no second effect.
        key = (message.message_id.upper(), message.conversation_id.upper())
        with self.clock.lock:
            self.clock.check()
            if key not in self.store.answers:
                self.store.answers[key] = acknowledgement(new_id(), own, message, now)
                self.log(f"{message.action} {message.message_id} of {message.conversation_id}")
                self.take(message)
        return 200, self.store.answers[key]

    def take(self, message):
        raise NotImplementedError

    # What is posted -------------------------------------------------------------------------------

    def wrapper(self, to):
        return Wrapper(self.practice["asid"], to.asid, self.now())

    def contract(self, to, action):
        return self.services.contract(action, party_key=to.party_key)

    def message(self, to, action, message_id, payload, attachments=(), cpa_id=""):
        now = self.now()
        return Message(self.practice["party_key"], to.party_key, cpa_id, to.conversation_id, action, message_id,
                       now, payload, list(attachments), now + LIVES)

    def post(self, to, action, message_id, payload, attachments=()):
        """Posts a message until Spine has it."""
        try:
            contract = self.contract(to, action)
        except (NotOne, NoAnswer, Refused) as error:
            raise NotSent(f"no contract for {action}: {error}") from error
        message = self.message(to, action, message_id, payload, attachments, contract.cpa_id)
        content_type, body = write(message)
        headers = {"SOAPAction": f"{SERVICE}/{action}", "Content-Type": content_type}
        once(lambda: self._post(action, contract, headers, body))

    def _post(self, action, contract, headers, body):
        why = "nobody tried"
        # First at once, for what was an accident of the network; then as the contract says.
        pauses = [0] + [contract.retry_seconds] * contract.retries
        for pause in pauses:
            if pause:
                self.clock.sleep(pause, f"{action} posted again")
            for quick in (0, 0.1, 0.1, 0.1):
                if quick:
                    self.clock.sleep(quick, f"{action} posted again")
                try:
                    status, _, answer = exchange(self.clock, "POST", self._spine, headers, body)
                except OSError as error:
                    why = f"no answer: {error}"
                    continue
                if status == 202:
                    return
                codes, is_error_list = refusal_codes(answer)
                why = f"HTTP {status} {' '.join(sorted(codes))}"
                if is_error_list or status < 500 or (codes and not codes <= RETRIABLE):
                    raise NotSent(why)
                break
        raise NotSent(why)

    def acknowledge(self, to, acknowledged, code=None):
        """The application acknowledgement, positive or negative. A system that cannot even send that has told
        its log."""
        message_id = new_id()
        payload = write_acknowledgement(message_id, self.wrapper(to), acknowledged, code)
        self.log(f"{acknowledged}: {f'{code} {CODES[code]}' if code else 'accepted'}")
        try:
            self.post(to, ACKNOWLEDGEMENT, message_id, payload)
        except NotSent as error:
            self.log(f"acknowledgement of {acknowledged} not sent: {error}")

    def alert(self, patient, conversation_id, **about):
        """Puts something on the work list of people."""
        self.notify({"notice": "alert", "alert": {"patient": patient, "conversation": conversation_id, "about": about}})
