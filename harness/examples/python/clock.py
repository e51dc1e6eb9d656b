"""The time of one system, which the harness may set.

Nothing here looks at the wall clock for anything that is part of a transfer. A thread that has nothing
to do until some moment says so (`sleep`, `Mailbox.get`); when all have, the system is idle, and the
harness moves the time to the next of those moments: eight days of silence take no time.
"""

import socket
import threading
import time
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from zoneinfo import ZoneInfo

from store import Abandoned, once, work

FOREVER = datetime.max.replace(tzinfo=timezone.utc)


class _Waiter:
    def __init__(self, due, why):
        self.due, self.why = due, why
        self.released = threading.Event()


class Clock:
    """A settable clock that knows who works and who waits."""

    def __init__(self, now, rate):
        self.lock = threading.RLock()
        self._changed = threading.Condition(self.lock)
        self._waiters = []
        self._busy = 0
        self._closed = False
        self._connections = set()
        self._begun = threading.Event()
        self._behind = set()  # journals of work that is not yet where it was
        self.set(now, rate)
        threading.Thread(target=self._tick, daemon=True).start()

    def now(self):
        with self.lock:
            passed = (time.monotonic() - self._set_at) * self.rate
            return self._base + timedelta(seconds=passed)

    def set(self, now, rate):
        """It is now that time; whoever waited for it begins before this returns."""
        with self.lock:
            self._base, self.rate, self._set_at = now, max(1, rate), time.monotonic()
            self._release_due()
            self._changed.notify_all()

    def agenda(self):
        """Whether nobody works, when somebody next does something by themselves, and what that is."""
        with self.lock:
            own = [waiter for waiter in self._waiters if waiter.due < FOREVER]
            first = min(own, key=lambda waiter: waiter.due, default=None)
            return self._busy == 0, first and first.due, first and first.why

    def close(self):
        """Nobody works any more, and what is open is gone."""
        with self.lock:
            self._closed = True
            for waiter in list(self._waiters):
                self.release(waiter)
            for connection in self._connections:
                try:
                    connection.sock.shutdown(socket.SHUT_RDWR)
                except (OSError, AttributeError):
                    pass  # it has ended by itself
            self._begun.set()
            self._changed.notify_all()

    def check(self):
        if self._closed:
            raise Abandoned

    @contextmanager
    def holding(self, connection):
        """While this connection is open, it goes down with the system."""
        with self.lock:
            self.check()
            self._connections.add(connection)
        try:
            yield
        finally:
            with self.lock:
                self._connections.discard(connection)
            connection.close()
            self.check()

    def spawn(self, journal, task, *arguments):
        """Does something in a thread of its own. Work that was begun before a restart comes to where it was first."""
        with self.lock:
            self._busy += 1
            if not journal.is_at_its_end():
                self._behind.add(journal)

        def run():
            work(self, journal)
            try:
                self._begun.wait()
                self.check()
                task(*arguments)
            except Abandoned:
                pass
            finally:
                with self.lock:
                    self._busy -= 1
                    self.has_caught_up(journal)

        threading.Thread(target=run, daemon=True).start()

    def begin(self):
        """Everything is there with which there is work; returns when all work is where it was."""
        self._begun.set()
        with self.lock:
            self._changed.wait_for(lambda: self._closed or not self._behind, timeout=20)

    def has_caught_up(self, journal):
        with self.lock:
            self._behind.discard(journal)
            self._changed.notify_all()

    def sleep(self, seconds, why):
        waiter = _Waiter(self.now() + timedelta(seconds=seconds), why)
        self.begin_to_wait(waiter)
        waiter.released.wait()
        self.check()

    def begin_to_wait(self, waiter):
        """From now on the calling thread does not work, until somebody releases the waiter."""
        with self.lock:
            self.check()
            self._busy -= 1
            self._waiters.append(waiter)
            self._release_due()
            self._changed.notify_all()

    def release(self, waiter):
        if waiter in self._waiters:
            self._waiters.remove(waiter)
            self._busy += 1
            waiter.released.set()

    def _release_due(self):
        now = self.now()
        for waiter in [waiter for waiter in self._waiters if waiter.due <= now]:
            self.release(waiter)

    def _tick(self):
        """Releases whoever waits for a moment that comes by itself."""
        with self.lock:
            while not self._closed:
                self._release_due()
                due = min((waiter.due for waiter in self._waiters), default=FOREVER)
                wait = (due - self.now()).total_seconds() / self.rate
                self._changed.wait(min(max(wait, 0.001), 3600))


class Reminders:
    """When people are told that something still waits: after a day, and after two (S42, S79)."""

    def __init__(self, since):
        self._left = [timedelta(hours=24), timedelta(hours=48)]
        self._since = since

    def next(self, due):
        """When to look up: for the next reminder, or at `due` if that is sooner."""
        return min(due, self._since + self._left[0]) if self._left else due

    def pop(self, now):
        """The reminder that is due now, as `after` of an alert; None if none is."""
        if self._left and self._since + self._left[0] <= now:
            return int(self._left.pop(0).total_seconds())
        return None


class Mailbox:
    """What came for a thread that may be waiting for it, by the numbers under which it is stored."""

    def __init__(self, clock):
        self._clock, self._items, self._waiter = clock, {}, None

    def put(self, number, item):
        with self._clock.lock:
            self._items[number] = item
            if self._waiter:
                self._clock.release(self._waiter)

    def get(self, due, why, wanted=lambda item: True):
        """The next item that is wanted, or None when that moment has come."""
        number = once(lambda: self._wait(due, why, wanted))
        with self._clock.lock:
            return self._items.pop(number, None)

    def _wait(self, due, why, wanted):
        while True:
            with self._clock.lock:
                self._clock.check()
                number = next((number for number, item in self._items.items() if wanted(item)), None)
                if number is not None or self._clock.now() >= due:
                    return number
                self._waiter = _Waiter(due, why)
                self._clock.begin_to_wait(self._waiter)
            self._waiter.released.wait()
            self._waiter = None


def parse_time(text):
    """A time as the contract and ebXML write it."""
    parsed = datetime.fromisoformat(text.strip().replace("Z", "+00:00"))
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=timezone.utc)


def ebxml_time(moment):
    return moment.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def contract_time(moment):
    return moment.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def hl7_time(moment):
    """UK local time without a zone."""
    return moment.astimezone(_uk()).strftime("%Y%m%d%H%M%S")


def _uk():
    try:
        return ZoneInfo("Europe/London")
    except Exception:  # no time zones on this machine
        return timezone.utc
