"""A system under test of its own: both sides of GP2GP, attached to the harness by its documentation alone.

    python3 sut.py --port 9100

Below `/control/` the harness plays the people; below `/sending` and `/requesting` Spine delivers.
"""

import argparse
import json
import sys
import threading
from collections import deque
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from clock import contract_time, parse_time
from mhs import refuse
from requesting import DECISIONS, Requesting
from sending import Sending
from store import Abandoned

ROLES = {"sending": Sending, "requesting": Requesting}
VERBS = ["capabilities", "health", "prepare", "act", "action", "notices", "observe", "clock", "lifecycle", "reset", "logs"]
CLAIMS = {"contract": "gp2gp-control/1", "name": "python-example", "version": "1",
          "roles": ["requesting", "sending"],
          "capabilities": ["large-messaging", "redactions", "returning-patients"],
          "versions": ["2.2b-uk07"], "verbs": VERBS}


class NotSupported(Exception):
    """No such verb, or nothing that this system does."""


class Sut:
    """The verbs of the control contract. Everything that a run has is thrown away by the next one."""

    def __init__(self):
        self.lock = threading.Lock()
        self.lines = deque(maxlen=1000)
        self.address = ""
        self.clear()

    def clear(self):
        self.systems, self.notices, self.actions = {}, [], {}

    def log(self, line):
        self.lines.append(line)
        print(line, file=sys.stderr, flush=True)

    def system(self, name):
        if name not in self.systems:
            raise NotSupported
        return self.systems[name]

    # The verbs ------------------------------------------------------------------------------------

    def capabilities(self, _):
        return CLAIMS

    def health(self, _):
        return {"ready": True}

    def prepare(self, body):
        self.reset({})
        clock = (parse_time(body["clock"]["now"]), body["clock"]["rate"])
        self.log(f"run {body['run']}")
        addresses = {}
        for setting in body["systems"]:
            name = setting["system"]
            if name not in ROLES:
                raise NotSupported

            def notify(notice, name=name):
                with self.lock:
                    self.notices.append({"number": len(self.notices) + 1, "system": name, "notice": notice})
            self.systems[name] = ROLES[name](setting, clock, notify, self.log)
            self.systems[name].begin()
            addresses[name] = f"{self.address}/{name}"
        return {"addresses": addresses}

    def act(self, body):
        """The same id again is the same action."""
        if body["id"] not in self.actions:
            self.actions[body["id"]] = self.begin(self.system(body["system"]), body["act"])
        return self.actions[body["id"]]

    def begin(self, system, act):
        if act["verb"] == "register" and isinstance(system, Requesting):
            why = system.register(act)
        elif act["verb"] == "decide" and isinstance(system, Requesting) and act["decision"] in [*DECISIONS, "reject"]:
            why = system.decide(act)
        elif act["verb"] == "repeat-extract" and isinstance(system, Sending):
            why = system.send_again(act["patient"])
        else:
            raise NotSupported
        return {"status": "declined", "why": why} if why else {"status": "done"}

    def action(self, body):
        if body["id"] not in self.actions:
            raise ValueError(f"no action {body['id']}")
        return self.actions[body["id"]]

    def get_notices(self, body):
        with self.lock:
            return {"notices": self.notices[body["after"]:]}

    def observe(self, body):
        return {"observations": self.system(body["system"]).observe()}

    def clock(self, body):
        clock = self.system(body["system"]).clock
        clock.set(parse_time(body["now"]), body["rate"])
        idle, next_at, why = clock.agenda()
        return {"idle": idle, "next": next_at and contract_time(next_at), "why": why, "notices": len(self.notices)}

    def lifecycle(self, body):
        """A system that comes up is a new one, and has nothing but the disk of the old one."""
        name, event = body["system"], body["event"]
        system = self.system(name)
        if event == "kill":
            system.close()
        elif event == "restart":
            self.systems[name] = system.risen()
        elif event in ("disk-full", "disk-free"):
            system.store.is_full = event == "disk-full"
        else:
            raise NotSupported
        return {}

    def reset(self, _):
        for system in self.systems.values():
            system.close()
        self.clear()
        return {}

    def logs(self, body):
        return {"lines": list(self.lines)[-body["lines"]:] if body["lines"] else []}

    def command(self, verb, body):
        """Status and answer of a verb."""
        if verb not in VERBS:
            return 501, {"error": "not-supported"}
        try:
            method = self.get_notices if verb == "notices" else getattr(self, verb)
            return 200, method(json.loads(body or b"{}"))
        except NotSupported:
            return 501, {"error": "not-supported"}
        except (KeyError, TypeError, ValueError) as error:
            return 400, {"error": "not-understood", "why": f"{verb}: {error!r}"}
        except Exception as error:  # whatever it is, the harness wants to know
            return 500, {"error": "failed", "why": repr(error)}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    sut = None

    def do_GET(self):
        self.answer(200, "text/plain", b"ready\n")

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        head, _, name = self.path.strip("/").partition("/")
        if head == "control":
            status, answer = self.sut.command(name, body)
            self.answer(status, "application/json", json.dumps(answer).encode())
        elif head in self.sut.systems:
            try:
                status, answer = self.sut.systems[head].deliver(self.headers.get("Content-Type"), body)
            except Abandoned:
                self.close_connection = True  # a system that is down answers nothing
                return
            self.answer(status, "text/xml", answer)
        elif head in ROLES:
            status, answer = refuse(self.headers.get("Content-Type"), body)
            self.answer(status, "text/xml", answer)
        else:
            self.answer(404, "text/plain", b"nobody here\n")

    def answer(self, status, content_type, body):
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128


def serve(port):
    """The server of a system; port 0 is any that is free."""
    sut = Sut()
    server = Server(("127.0.0.1", port), type("BoundHandler", (Handler,), {"sut": sut}))
    sut.address = f"http://127.0.0.1:{server.server_address[1]}"
    return server, sut


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=9100)
    server, sut = serve(parser.parse_args().port)
    print(f"listening on {sut.address}", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
