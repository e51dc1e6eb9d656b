"""What a system keeps when it goes down, and how its work comes back to where it was.

Every transfer is a thread that reads like the protocol, and what it has in its variables is gone when the system goes
down. So whatever it learns from outside (an answer, a message, the time, an id that chance gave) is written down before
anything is made of it: `once`. After a restart the work begins anew, is given the same again, and so comes to where it
was. What it was just doing, a post, say, it does again. All is written as bytes: nothing that only lives in memory
slips through.
"""

import functools
import pickle
import threading

_thread = threading.local()


class Abandoned(BaseException):
    """The run is over, or the system is down: whoever still works for it stops. No handler of errors keeps it."""


class Store:
    """The disk of one system."""

    def __init__(self):
        self.is_full = False
        self.answers = {}  # to deliveries, by message and conversation
        self._inputs, self._journals = [], {}

    def add(self, *what):
        """Writes down what came in; gives its number."""
        self._inputs.append(pickle.dumps(what))
        return len(self._inputs) - 1

    def inputs(self):
        return [pickle.loads(written) for written in self._inputs]

    def journal(self, number):
        """Of the work that began with this input."""
        return Journal(self._journals.setdefault(number, []))


class Journal:
    """What a piece of work has learned, in order."""

    def __init__(self, written):
        self._written, self._read = written, 0

    def is_at_its_end(self):
        return self._read == len(self._written)

    def next(self, clock, learn):
        if self.is_at_its_end():
            clock.has_caught_up(self)
            learned = _outcome(learn)
            with clock.lock:
                clock.check()
                self._written.append(pickle.dumps(learned))
        self._read += 1
        value, error = pickle.loads(self._written[self._read - 1])
        if error:
            raise error
        return value


def _outcome(learn):
    """What is done within is part of it, and not written down for itself."""
    outer, _thread.journal = _thread.journal, None
    try:
        return learn(), None
    except Exception as error:
        return None, error
    finally:
        _thread.journal = outer


def work(clock, journal):
    """From now on the calling thread does this work."""
    _thread.clock, _thread.journal = clock, journal


def once(learn):
    """What this gives the first time; and the same again when the work is done again."""
    journal = getattr(_thread, "journal", None)
    return journal.next(_thread.clock, learn) if journal else learn()


def learned(method):
    """A method whose result is learned from outside."""
    @functools.wraps(method)
    def asked(*arguments, **more):
        return once(lambda: method(*arguments, **more))
    return asked
