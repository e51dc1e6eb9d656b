"""What a system asks besides Spine: SDS, the registry of GPs, PDS, the record source, the document store."""

import base64
import hashlib
import http.client
import json
import re
import uuid
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

from clock import parse_time
from store import learned

FHIR = "https://fhir.nhs.uk/Id/"
GP_CODE = "https://fhir.hl7.org.uk/Id/gmp-number"
PATIENCE = 20  # seconds for an answer
PAUSES = (1, 10, 30)  # seconds before each further try

PIECE = 1_000_000  # bytes of a document that are read at a time
FHIR_JSON = "application/fhir+json"


class NoAnswer(Exception):
    """A service gave no answer with which one could go on."""


class Refused(Exception):
    """A service refuses, and asking again will not help."""

    def __init__(self, status, why=""):
        super().__init__(status, why)
        self.status, self.why = status, why

    def __str__(self):
        return f"HTTP {self.status} {self.why}".strip()


class NotOne(Exception):
    """SDS, or the registry, has none or several where there must be exactly one."""

    def __init__(self, what, count):
        super().__init__(what, count)
        self.what, self.count = what, count

    def __str__(self):
        return f"{self.what}: {self.count} entries"


def exchange(clock, method, url, headers=None, body=None):
    """One HTTP request. Status, headers and body; OSError where none comes."""
    clock.check()
    address = urlsplit(url)
    kind = http.client.HTTPSConnection if address.scheme == "https" else http.client.HTTPConnection
    connection = kind(address.hostname, address.port, timeout=max(PATIENCE / clock.rate, 0.05))
    try:
        connection.connect()
        with clock.holding(connection):
            path = address.path + (f"?{address.query}" if address.query else "")
            connection.request(method, path, body=body, headers=headers or {})
            response = connection.getresponse()
            return response.status, response.headers, response.read()
    except http.client.HTTPException as error:
        raise OSError(f"no HTTP answer: {error!r}") from error


class Services:
    """The services of one practice, as its work asks them: every answer is kept."""

    def __init__(self, setting, clock):
        self.clock, self.practice = clock, setting["practice"]
        self.at, self.key = setting["services"], setting["api_key"]
        self._contracts = {}

    # SDS ------------------------------------------------------------------------------------------

    @learned
    def system(self, ods, interaction):
        """The one system of a practice for an interaction: its ASID and party key."""
        query = f"organization={_token('ods-organization-code', ods)}&identifier={_interaction(interaction)}"
        entries = self._search("sds", f"/Device?{query}")
        if len(entries) != 1:
            raise NotOne(f"{interaction} of {ods}", len(entries))
        return _identifier(entries[0], "nhsSpineASID"), _identifier(entries[0], "nhsMhsPartyKey")

    @learned
    def contract(self, interaction, party_key=None, ods=None):
        """How messages of an interaction are sent to a message handler; the same for the whole run."""
        whose = (_token("nhsMhsPartyKey", party_key, "identifier=") if party_key
                 else _token("ods-organization-code", ods, "organization="))
        key = (interaction, whose)
        if key not in self._contracts:
            entries = self._search("sds", f"/Endpoint?{whose}&identifier={_interaction(interaction)}")
            if len(entries) != 1:
                raise NotOne(f"contracts for {interaction} of {party_key or ods}", len(entries))
            self._contracts[key] = _contract(entries[0])
        return self._contracts[key]

    @learned
    def takes(self, ods, interaction):
        """Whether SDS lists a practice for an interaction."""
        query = f"organization={_token('ods-organization-code', ods)}&identifier={_interaction(interaction)}"
        return bool(self._search("sds", f"/Device?{query}"))

    # The registry ---------------------------------------------------------------------------------

    @learned
    def practice_of_gp(self, code):
        """The one practice at which a GP works now."""
        roles = self._search("sds", f"/PractitionerRole?practitioner.identifier={quote(GP_CODE, ':/')}%7C{code}")
        now = self.clock.now()

        def holds(role):
            start, end = role.get("period", {}).get("start"), role.get("period", {}).get("end")
            return (not start or parse_time(start) <= now) and (not end or now < parse_time(end))
        practices = [role["organization"]["identifier"]["value"] for role in roles if holds(role)]
        if len(practices) != 1:
            raise NotOne(f"practices of GP {code}", len(practices))
        return practices[0]

    @learned
    def is_pooled(self, ods):
        """The list of the practice has no single GP, and nobody has dealt with that yet."""
        practice = self._ask("GET", "sds", f"/Organization/{quote(ods)}")[1]
        for extension in practice.get("extension", []):
            if extension["url"].endswith("pooled-list"):
                told = {inner["url"]: inner for inner in extension["extension"]}
                return not told["dealtWith"]["valueBoolean"]
        return False

    # PDS ------------------------------------------------------------------------------------------

    @learned
    def patient(self, number):
        return _Patient(*self._ask("GET", "pds", f"/Patient/{number}"))

    @learned
    def register(self, number, patient, kind, code):
        """Registers a patient here: with the practice, or with a GP. 409 where somebody else was quicker."""
        system = GP_CODE if kind == "Practitioner" else FHIR + "ods-organization-code"
        value = {"type": kind, "identifier": {"system": system, "value": code}}
        step = ({"op": "replace", "path": "/generalPractitioner/0", "value": value} if patient.registered_with
                else {"op": "add", "path": "/generalPractitioner", "value": [value]})
        self._ask("PATCH", "pds", f"/Patient/{number}", json.dumps({"patches": [step]}).encode(),
                  {"If-Match": patient.version, "Content-Type": "application/json-patch+json"})

    # The record source ----------------------------------------------------------------------------

    @learned
    def record(self, number):
        """The structured record as text; None where there is none."""
        headers = {"Ssp-TraceID": str(uuid.uuid4()), "Ssp-From": self.practice["asid"],
                   "Ssp-To": self.practice["asid"]}
        status, _, body = self._try(lambda: exchange(self.clock, "GET", f"{self.at['records']}/{number}", headers))
        if status == 404:
            return None
        if status != 200:
            raise Refused(status, "record source")
        return body.decode()

    # The document store ---------------------------------------------------------------------------

    @learned
    def documents(self, number):
        """The documents of a patient, as the store lists them."""
        path = f"/Patient?identifier={_token('nhs-number', number)}"
        patients = self._store("search:patient-1", path)
        if not patients:
            return []
        path = f"/Patient/{patients[0]['id']}/DocumentReference"
        return [_Listed(entry) for entry in self._store("search:documentreference-1", path)]

    def _store(self, interaction, path):
        def ask():
            status, _, body = self._ask_store("GET", interaction, path, FHIR_JSON)
            return status, None, _json(body) if status == 200 else None
        status, _, bundle = self._try(ask)
        if status != 200:
            raise Refused(status, "document store")
        return [entry["resource"] for entry in bundle.get("entry", [])]

    @learned
    def content(self, listed, media_type):
        """The content of a document of this type, or the reason that a placeholder gives: `(bytes, None)` or
        `(None, "03")`. What has come before a connection broke is good."""
        path = listed.url[len(self.at["store"]):] if listed.url.startswith(self.at["store"]) else listed.url
        content, reason, pauses = b"", "06", [60, 180]
        while True:
            wanted = {"Range": f"bytes={len(content)}-{len(content) + PIECE - 1}"}
            try:
                status, headers, piece = self._ask_store("GET", "migrate:binary-1", path, "application/octet-stream", wanted)
            except OSError:
                reason = "06"
            else:
                if status in (200, 206) and _media_type(headers) == media_type:
                    content = piece if status == 200 else content + piece
                    if status == 206 and piece and len(content) < _total(headers):
                        continue
                    # What else a list says of a document may be wrong; its digest is what it is.
                    if content and hashlib.sha256(content).hexdigest() == listed.sha256:
                        return content, None
                content, reason = b"", {404: "03", 410: "02", 415: "01", 423: "04"}.get(status, "06")
                if status in (403, 404, 410, 415, 422):
                    return None, reason
            if not pauses:
                return None, reason
            self.clock.sleep(pauses.pop(0), "document store asked again")

    @learned
    def clean_up(self, listed):
        """Archives and deletes a transferred document. Whether it is gone."""
        for pause in (0, 600, 600, 600):
            if pause:
                self.clock.sleep(pause, "document to be deleted")
            try:
                path = f"/Binary/{listed.id}"
                status, _, _ = self._ask_store("POST", None, f"{path}/$archive", "*/*")
                if status in (200, 409):
                    status, _, _ = self._ask_store("DELETE", None, path, "*/*")
                if status in (200, 204, 410):
                    return True
            except OSError:
                pass
        return False

    def _ask_store(self, method, interaction, path, accept, more=None):
        if path.startswith("http"):
            url = path
        else:
            url = self.at["store"] + path
        named = (f"urn:nhs:names:services:gpconnect:documents:fhir:rest:{interaction}" if interaction
                 else "urn:gp2gp:store:manage-1")
        headers = {"Ssp-TraceID": str(uuid.uuid4()), "Ssp-From": self.practice["asid"],
                   "Ssp-To": self.practice["asid"], "Ssp-InteractionID": named, "Accept": accept,
                   "Acting-Role": "system", "Authorization": f"Bearer {self._token()}", **(more or {})}
        return exchange(self.clock, method, url, headers)

    def _token(self):
        """A JWT that nobody signs, for one request."""
        issued = int(self.clock.now().timestamp())
        claims = {"iss": "https://practice.example", "sub": self.practice["ods"], "aud": self.at["store"],
                  "iat": issued, "exp": issued + 300, "jti": str(uuid.uuid4()), "reason_for_request": "migration",
                  "requesting_device": {"resourceType": "Device"},
                  "requesting_organization": {"resourceType": "Organization"},
                  "requesting_practitioner": {"resourceType": "Practitioner"}}

        def part(value):
            return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()
        return f"{part({'alg': 'none', 'typ': 'JWT'})}.{part(claims)}."

    # How is asked ---------------------------------------------------------------------------------

    def _search(self, service, path):
        bundle = self._ask("GET", service, path)[1]
        entries = [entry["resource"] for entry in bundle.get("entry", [])]
        if bundle.get("total", len(entries)) != len(entries):
            raise NoAnswer(f"{service}: part of the answer is missing")
        return entries

    def _ask(self, method, service, path, body=None, more=None):
        """Headers and JSON of an answer of SDS, the registry or PDS."""
        def ask():
            headers = {"apikey": self.key, "X-Correlation-Id": str(uuid.uuid4()), "X-Request-ID": str(uuid.uuid4()),
                       "Accept": FHIR_JSON, **(more or {})}
            status, headers, answer = exchange(self.clock, method, self.at[service] + path, headers, body)
            if status != 200:
                return status, headers, answer
            resource = _json(answer)
            wanted = "Patient" if service == "pds" else "Organization" if "/Organization/" in path else "Bundle"
            if resource.get("resourceType") != wanted:
                raise ValueError(f"{resource.get('resourceType')} in place of {wanted}")
            return status, headers, resource
        status, headers, answer = self._try(ask)
        if status != 200:
            raise Refused(status, service)
        return headers, answer

    def _try(self, ask):
        """Asks again where the failure may have been an accident."""
        why = ""
        for pause in (0,) + PAUSES:
            if pause:
                self.clock.sleep(pause, "service asked again")
            try:
                status, headers, answer = ask()
            except (OSError, ValueError) as error:
                why = str(error)
                continue
            if status != 429 and status < 500:
                return status, headers, answer
            why = f"HTTP {status}"
            wait = (headers or {}).get("Retry-After") or ""
            if wait.isdigit():
                self.clock.sleep(int(wait), "service asked again")
        raise NoAnswer(why)


class _Patient:
    def __init__(self, headers, resource):
        self.version = headers.get("ETag")
        if not self.version:
            raise NoAnswer("pds: no version")
        security = resource.get("meta", {}).get("security") or [{}]
        self.is_sensitive = security[0].get("code") != "U"
        practitioners = resource.get("generalPractitioner") or []
        identifier = practitioners[0]["identifier"] if practitioners else {}
        self.registered_with = identifier.get("value")
        self.with_gp = identifier.get("system") == GP_CODE


class _Listed:
    def __init__(self, reference):
        attachment = reference["content"][0]["attachment"]
        self.id, self.title, self.url = reference["id"], attachment.get("title", ""), attachment["url"]
        self.media_type, self.size = attachment.get("contentType", ""), attachment.get("size", 0)
        digests = [extension["valueString"] for extension in attachment.get("extension", [])
                   if extension["url"].endswith("sha-256")]
        self.sha256 = digests[0] if digests else ""


@dataclass
class Contract:
    party_key: str
    cpa_id: str
    retries: int
    retry_seconds: float
    persist_seconds: float


def _contract(endpoint):
    told = {}
    for extension in endpoint.get("extension", []):
        for inner in extension.get("extension", []):
            told[inner["url"]] = inner.get("valueString", inner.get("valueInteger"))
    return Contract(_identifier(endpoint, "nhsMhsPartyKey"), _identifier(endpoint, "nhsMhsCPAId"),
                    int(told.get("nhsMHSRetries", 0)), seconds(told.get("nhsMHSRetryInterval", "PT0S")),
                    seconds(told.get("nhsMHSPersistDuration", "PT0S")))


def seconds(duration):
    """An ISO 8601 duration."""
    found = re.fullmatch(r"P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:([\d.]+)S)?)?", duration)
    if not found:
        raise NoAnswer(f"sds: duration {duration}")
    days, hours, minutes, rest = (float(part or 0) for part in found.groups())
    return ((days * 24 + hours) * 60 + minutes) * 60 + rest


def _media_type(headers):
    return (headers.get("Content-Type") or "").split(";")[0].strip()


def _total(headers):
    """Bytes of the whole document, of which a piece has come; 0 if nobody says so."""
    total = (headers.get("Content-Range") or "").rpartition("/")[2]
    return int(total) if total.isdigit() else 0


def _identifier(resource, name):
    values = [it["value"] for it in resource.get("identifier", []) if it["system"] == FHIR + name]
    if not values:
        raise NoAnswer(f"sds: no {name}")
    return values[0]


def _token(system, value, parameter=""):
    return f"{parameter}{FHIR}{system}%7C{quote(value)}"


def _interaction(interaction):
    return f"{FHIR}nhsServiceInteractionId%7Curn:nhs:names:services:gp2gp:{interaction}"


def _json(body):
    value = json.loads(body)
    if not isinstance(value, dict):
        raise ValueError("no JSON object")
    return value
