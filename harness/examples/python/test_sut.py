"""What the modules promise each other. `python3 -m unittest` in this folder."""

import base64
import os
import time
import unittest
from datetime import datetime, timedelta, timezone

import attachments
import messages
from attachments import Description, Link, join, links, pack, placeholder, relink, skeleton, split, unpack
from clock import Clock, Mailbox, parse_time
from mhs import refuse
from messages import Attachment, Message, Unreadable, Wrapper
from sending import is_number
from services import NotOne, seconds
from store import Store, once
from sut import serve

NOW = datetime(2026, 7, 1, 9, 0, tzinfo=timezone.utc)
WRAPPER = Wrapper("200000000205", "200000000149", NOW)
RECORD = (
    '<component typeCode="COMP"><ehrFolder classCode="FOLDER" moodCode="EVN"><id root="A"/><statusCode code="COMPLETE"/>'
    '<availabilityTime value="20260701"/><component typeCode="COMP"><ehrComposition><id root="B"/>'
    '<code code="1"/><component><NarrativeStatement><reference typeCode="REFR">'
    '<referredToExternalDocument classCode="DOC" moodCode="EVN"><id root="D-1"/>'
    '<text mediaType="image/tiff"><reference value="file://localhost/a%20letter%26.tif"/></text>'
    '</referredToExternalDocument></reference></NarrativeStatement></component></ehrComposition></component>'
    '</ehrFolder></component>')


def message(payload, action, enclosed=()):
    return Message("A-1", "B-2", "S1", messages.new_id(), action, messages.new_id(), NOW, payload, list(enclosed))


class Messages(unittest.TestCase):
    def test_what_is_written_is_read_again(self):
        content = base64.b64encode("Grüße & <Küsse>\n".encode()).decode()
        one = messages.new_id()
        enclosed = Attachment(f"cid:{one}", 'Filename="a & b.txt" ContentType=text/plain', one, "text/plain", content)
        promised = Attachment("mid:" + messages.new_id(), "later", messages.new_id())
        payload = messages.write_request(messages.new_id(), WRAPPER, messages.new_id(), "9990000018", "B83002", "B86041")
        written = message(payload, messages.REQUEST, [enclosed, promised])
        content_type, body = messages.write(written)
        read = messages.read(content_type, body)
        self.assertEqual((read.from_party, read.to_party, read.timestamp), ("A-1", "B-2", NOW))
        self.assertEqual(read.payload, payload)
        self.assertEqual(read.attachments[0], enclosed)
        self.assertTrue(read.attachments[1].is_promise)
        self.assertEqual(messages.attribute(read.hl7(), ".//patient/id", "extension"), "9990000018")

    def test_bare_line_feeds_other_boundaries_and_header_cases_are_read(self):
        payload = messages.write_acknowledgement(messages.new_id(), WRAPPER, messages.new_id())
        content_type, body = messages.write(message(payload, messages.ACKNOWLEDGEMENT))
        body = body.replace(b"\r\n", b"\n").replace(b"Content-Id", b"CONTENT-ID").replace(b"--=_MIME-Boundary", b"x.y")
        read = messages.read("multipart/related; type=text/xml; start=a; boundary=x.y", b"a preamble\n" + body)
        self.assertEqual(read.payload, payload)

    def test_what_cannot_be_read_is_said_to_be_so(self):
        for content_type, body in [("text/plain", b"x"), ('multipart/related; boundary="b"', b"--b\n\nx\n--b--")]:
            with self.assertRaises(Unreadable):
                messages.read(content_type, body)
        for text in [b"<!DOCTYPE a [<!ENTITY b 'c'>]><a/>", b"<a>", b""]:
            with self.assertRaises(Unreadable):
                messages.read_xml(text)

    def test_acknowledgements_say_what_is_acknowledged_and_why_not(self):
        for code in [None, *messages.CODES]:
            payload = messages.write_acknowledgement("M", WRAPPER, "ABC", code)
            self.assertEqual(messages.read_acknowledgement(messages.read_xml(payload)), ("ABC", code))

    def test_a_code_is_found_in_either_place_and_spine_writes_small_letters(self):
        for inside in ['<acknowledgementDetail><code code="19"/></acknowledgementDetail>', ""]:
            reason = '<ControlActEvent><reason><justifyingDetectedIssueEvent><code code="19"/>' \
                     "</justifyingDetectedIssueEvent></reason></ControlActEvent>"
            text = f'<hl7:a xmlns:hl7="urn:hl7-org:v3"><acknowledgement typeCode="AR">{inside}' \
                   f'<messageref><id root="abc"/></messageref></acknowledgement>{"" if inside else reason}</hl7:a>'
            self.assertEqual(messages.read_acknowledgement(messages.read_xml(text.encode())), ("ABC", "19"))

    def test_a_continue_names_its_core_and_a_fragment_is_none(self):
        payload = messages.write_continue("C", WRAPPER, "A", "B", "core")
        self.assertEqual(messages.continues(messages.read_xml(payload)), "CORE")
        payload = messages.write_fragment("F", WRAPPER, "A", "B", "file://localhost/x", 'x "y" & z')
        self.assertIsNone(messages.continues(messages.read_xml(payload)))

    def test_times_of_hl7_are_uk_time(self):
        payload = messages.write_acknowledgement("M", WRAPPER, "ABC")
        self.assertIn(b'<creationTime value="20260701100000"/>', payload)


class Documents(unittest.TestCase):
    def test_pieces_decode_alone_and_give_the_content(self):
        content = os.urandom(10_001)
        pieces = split(base64.b64encode(content).decode(), 1_003)
        self.assertEqual({len(piece) for piece in pieces[:-1]}, {1_000})
        self.assertEqual(join(pieces), content)

    def test_pieces_of_others_are_joined_however_they_were_cut(self):
        content = os.urandom(1_000)
        text = base64.b64encode(content).decode()
        self.assertEqual(join([text[:401], text[401:802], text[802:]]), content)
        self.assertEqual(join([base64.b64encode(content[:10]).decode(), base64.b64encode(content[10:]).decode()]), content)
        wrapped = "\r\n".join(text[at:at + 76] for at in range(0, len(text), 76))
        self.assertEqual(join([wrapped]), content)
        with self.assertRaises(Unreadable):
            join(["!!!!"])

    def test_gzip_comes_back_and_a_bomb_does_not(self):
        self.assertEqual(unpack(pack(b"x" * 5_000)), b"x" * 5_000)
        with self.assertRaises(Unreadable):
            unpack(pack(b"x" * 5_000)[:-9])
        limit, attachments.LARGEST = attachments.LARGEST, 1_000
        try:
            with self.assertRaises(Unreadable):
                unpack(pack(b"x" * 5_000))
        finally:
            attachments.LARGEST = limit

    def test_descriptions_are_read_as_they_are_written(self):
        for name in ["a.txt", "a ContentType=b.txt", "Überweisung = 1 & 2.rtf"]:
            written = Description(name, "text/rtf", True, True, 12, attachments.SKELETON)
            read = Description.read(written.write())
            self.assertEqual((read.file_name, read.content_type, read.compressed, read.large, read.domain_data),
                             (name, "text/rtf", True, True, attachments.SKELETON))

    def test_loose_descriptions_are_taken_for_what_they_are(self):
        self.assertEqual(Description.read("letter.pdf").file_name, "letter.pdf")
        for text in ["Attachment", "", "  "]:
            self.assertEqual(Description.read(text).file_name, "")
        split_over_lines = '\n\tFilename="a.tif"\n\tContentType=image/tiff\n\tCompressed=Yes\n'
        self.assertTrue(Description.read(split_over_lines).compressed)

    def test_links_are_read_and_changed(self):
        link, = links(RECORD)
        self.assertEqual((link.id, link.name, link.media_type), ("D-1", "a letter&.tif", "image/tiff"))
        changed, = links(relink(RECORD, [Link("D-1", 'b "1" %&.txt', "text/plain")]))
        self.assertEqual((changed.name, changed.media_type), ('b "1" %&.txt', "text/plain"))

    def test_a_skeleton_links_nothing_but_the_original(self):
        link, = links(skeleton(RECORD, "S-1", "whole.xml"))
        self.assertEqual((link.id, link.name, link.media_type), ("S-1", "whole.xml", "text/xml"))

    def test_a_placeholder_has_four_lines(self):
        name, content = placeholder("a\nb.tif", "B83002", "C", "03")
        self.assertTrue(attachments.is_placeholder(name))
        self.assertEqual(content.decode().splitlines()[1:], ["a b.tif", "B83002:C", "Reason:03:File not found"])


class Small(unittest.TestCase):
    def test_check_digits(self):
        self.assertTrue(is_number("9990000018"))
        self.assertFalse(is_number("9990000019") or is_number("999000001") or is_number("abcdefghij"))

    def test_durations(self):
        self.assertEqual((seconds("PT4H10M"), seconds("P1DT1S"), seconds("PT0.5S")), (15_000, 86_401, 0.5))

    def test_every_code_is_two_digits(self):
        self.assertTrue(all(len(code) == 2 for code in messages.CODES))


class Time(unittest.TestCase):
    def setUp(self):
        self.clock = Clock(NOW, 1)
        self.addCleanup(self.clock.close)
        self.clock.begin()
        self.done = []

    def spawn(self, task):
        self.clock.spawn(Store().journal(0), task)

    def settle(self):
        for _ in range(200):
            if self.clock.agenda()[0]:
                return
            time.sleep(0.005)
        self.fail("it never was idle")

    def test_who_waits_says_until_when_and_days_take_no_time(self):
        def work():
            self.clock.sleep(3 * 86_400, "a retry")
            self.done.append(self.clock.now())
        self.spawn(work)
        self.settle()
        idle, due, why = self.clock.agenda()
        self.assertEqual((idle, why), (True, "a retry"))
        self.clock.set(due, 1)
        self.settle()
        self.assertGreaterEqual(self.done[0], NOW + timedelta(days=3))
        self.assertEqual(self.clock.agenda(), (True, None, None))

    def test_a_wake_counts_as_work_before_the_clock_answers(self):
        self.spawn(lambda: (self.clock.sleep(10, "x"), time.sleep(0.05)))
        self.settle()
        self.clock.set(NOW + timedelta(seconds=20), 1)
        self.assertFalse(self.clock.agenda()[0])

    def test_a_letter_wakes_its_reader_and_the_time_does_too(self):
        mailbox = Mailbox(self.clock)

        def work():
            self.done.append(mailbox.get(NOW + timedelta(days=8), "silence"))
            self.done.append(mailbox.get(NOW + timedelta(days=8), "silence"))
        self.spawn(work)
        self.settle()
        mailbox.put(0, "letter")
        self.settle()
        self.clock.set(NOW + timedelta(days=8), 1)
        self.settle()
        self.assertEqual(self.done, ["letter", None])

    def test_time_passes_by_itself_at_its_rate(self):
        clock = Clock(NOW, 1_000)
        self.addCleanup(clock.close)
        clock.begin()
        clock.spawn(Store().journal(0), lambda: (clock.sleep(20, "x"), self.done.append(1)))
        time.sleep(0.3)
        self.assertEqual(self.done, [1])


class Restart(unittest.TestCase):
    """A piece of work on one disk, under one clock after the other."""

    def setUp(self):
        self.store, self.learned, self.done = Store(), [], []

    def learn(self, what):
        self.learned.append(what)
        return len(self.learned)

    def up(self, task, letters=()):
        clock = Clock(NOW, 1)
        self.addCleanup(clock.close)
        mailbox = Mailbox(clock)
        for number, letter in letters:
            mailbox.put(number, letter)
        clock.spawn(self.store.journal(0), task, clock, mailbox)
        clock.begin()
        for _ in range(200):
            if clock.agenda()[0]:
                return clock
            time.sleep(0.005)
        self.fail("it never was idle")

    def test_work_comes_to_where_it_was_and_learns_nothing_twice(self):
        def work(clock, mailbox):
            self.done.append((once(lambda: self.learn("id")), mailbox.get(NOW + timedelta(days=1), "letter")))
            self.done.append(once(lambda: (self.learn("post"), clock.sleep(60, "posted again"))[0]))
        first = self.up(work, [(7, "a letter")])
        self.assertEqual((self.done, self.learned), ([(1, "a letter")], ["id", "post"]))
        first.close()
        again = self.up(work, [(7, "a letter")])
        again.set(NOW + timedelta(minutes=2), 1)
        time.sleep(0.05)
        # What was not done yet is done again; what was, is not.
        self.assertEqual(self.done, [(1, "a letter"), (1, "a letter"), 3])
        self.assertEqual(self.learned, ["id", "post", "post"])

    def test_a_letter_that_was_read_is_not_read_again(self):
        def work(clock, mailbox):
            while True:
                self.done.append(mailbox.get(NOW + timedelta(days=1), "letter"))
        self.up(work, [(1, "one")]).close()
        self.up(work, [(1, "one"), (2, "two")])
        self.assertEqual(self.done, ["one", "one", "two"])

    def test_what_failed_before_fails_in_the_same_words(self):
        def fail():
            raise NotOne("GPs", self.learn("GPs") + 1)

        def work(clock, mailbox):
            try:
                once(fail)
            except NotOne as error:
                self.done.append((str(error), error.count))
        self.up(work).close()
        self.up(work)
        self.assertEqual((self.done, self.learned), ([("GPs: 2 entries", 2)] * 2, ["GPs"]))


class Control(unittest.TestCase):
    def setUp(self):
        server, self.sut = serve(0)
        self.addCleanup(server.server_close)
        self.sut.log = lambda line: None

    def ask(self, verb, body="{}"):
        return self.sut.command(verb, body.encode())

    def test_unknown_verbs_and_acts_are_not_supported(self):
        self.assertEqual(self.ask("frobnicate"), (501, {"error": "not-supported"}))
        self.assertEqual(self.ask("lifecycle", '{"system": "sending", "event": "kill"}')[0], 501)
        self.assertEqual(self.ask("observe", '{"system": "office"}')[0], 501)

    def test_what_makes_no_sense_is_not_understood(self):
        self.assertEqual(self.ask("act")[0], 400)
        self.assertEqual(self.ask("action", '{"id": "nobody"}')[0], 400)

    def test_a_delivery_to_nobody_is_refused_in_ebxml(self):
        payload = messages.write_acknowledgement("M", WRAPPER, "ABC")
        content_type, body = messages.write(message(payload, messages.ACKNOWLEDGEMENT))
        status, answer = refuse(content_type, body)
        self.assertEqual((status, messages.refusal_codes(answer)[1]), (200, True))
        self.assertEqual(refuse("text/plain", b"x")[0], 400)

    def test_a_prepared_system_is_at_rest(self):
        prepared = """{"run": "r", "clock": {"now": "2026-01-05T09:00:00.000000Z", "rate": 1}, "systems": [
            {"system": "sending", "practice": {"ods": "B83002", "asid": "1", "party_key": "B83002-1", "enabled": true,
             "version": "2.2b-uk07", "attachment_bytes": 4500000, "message_bytes": 5000000, "cleanup": "never"},
             "services": {"spine": "http://127.0.0.1:1"}, "api_key": "k", "patients": []}]}"""
        status, answer = self.ask("prepare", prepared)
        self.assertEqual((status, answer["addresses"]), (200, {"sending": self.sut.address + "/sending"}))
        clock = '{"system": "sending", "now": "2026-01-06T09:00:00.000000Z", "rate": 1}'
        self.assertEqual(self.ask("clock", clock), (200, {"idle": True, "next": None, "why": None, "notices": 0}))
        self.assertEqual(self.ask("observe", '{"system": "sending"}'), (200, {"observations": []}))
        self.assertEqual(self.ask("reset"), (200, {}))


if __name__ == "__main__":
    unittest.main()
