//! Message to bytes: the manifest, the parts and their headers as each supplier writes them
//! (the table in spec 10).

use bytes::Bytes;
use gp2gp_model::{ContentId, EbxmlMessageId, Interaction, MessageKind};

use super::{Attachment, Encoded, Inline, Location, Message, Received};
use crate::Dialect;
use crate::ebxml::{self, Header, Href, Reference};
use crate::mime::{self, LineEnd, Part, TransferEncoding};

impl Message {
    /// Writes the message in a supplier's dialect. Same message, same bytes.
    pub fn encode(&self, dialect: Dialect) -> Encoded {
        self.written(dialect).encode(dialect)
    }

    /// The envelope as text.
    pub(crate) fn envelope(&self, dialect: Dialect) -> String {
        self.written(dialect).envelope(dialect)
    }

    fn written(&self, dialect: Dialect) -> Written<'_> {
        Written {
            header: &self.header,
            payload: self.payload.write(dialect),
            is_acknowledgement: self.payload.kind() == MessageKind::Acknowledgement,
            attachments: &self.attachments,
        }
    }
}

impl Received {
    /// Writes the message again in a supplier's dialect, its payload byte for byte as it came.
    pub fn encode(&self, dialect: Dialect) -> Encoded {
        self.written().encode(dialect)
    }

    fn written(&self) -> Written<'_> {
        Written {
            header: &self.header,
            payload: self.payload_xml.clone(),
            is_acknowledgement: self.interaction() == Some(Interaction::Acknowledgement),
            attachments: &self.attachments,
        }
    }
}

/// A message whose payload is text already.
struct Written<'a> {
    header: &'a Header,
    payload: Bytes,
    is_acknowledgement: bool,
    attachments: &'a [Attachment],
}

impl Written<'_> {
    fn encode(&self, dialect: Dialect) -> Encoded {
        let parts = self.parts(dialect);
        let boundary = free_boundary(boundary(dialect, &self.header.message_id), &parts);
        Encoded {
            content_type: content_type(dialect, &boundary),
            soap_action: format!("{}/{}", self.header.service, self.header.action),
            body: mime::join(&boundary, line_end(dialect), &parts),
        }
    }

    fn envelope(&self, dialect: Dialect) -> String {
        let payload = self.payload_reference(dialect);
        let attachments = self.attachments.iter().map(Attachment::reference);
        let manifest: Vec<Reference> = std::iter::once(payload).chain(attachments).collect();
        ebxml::message(self.header, &manifest, dialect)
    }

    fn parts(&self, dialect: Dialect) -> Vec<Part> {
        let identity = TransferEncoding::Identity;
        let root = Part {
            headers: root_headers(dialect),
            body: self.envelope(dialect).into(),
        };
        let payload_id = payload_content_id(dialect, &self.header.message_id);
        let payload = Part {
            headers: part_headers(dialect, &payload_id, payload_type(dialect), identity),
            body: self.payload.clone(),
        };
        let attachments = self.attachments.iter().filter_map(Attachment::inline);
        let attachments = attachments.map(|inline| Part {
            headers: part_headers(
                dialect,
                inline.content_id.as_str(),
                &inline.content_type,
                inline.encoding,
            ),
            body: inline.body.clone(),
        });
        [root, payload].into_iter().chain(attachments).collect()
    }

    fn payload_reference(&self, dialect: Dialect) -> Reference {
        let content_id = payload_content_id(dialect, &self.header.message_id);
        Reference {
            id: match dialect {
                Dialect::Vision => Some(format!("_{}", self.header.message_id)),
                Dialect::NationalMhs | Dialect::Tpp | Dialect::Emis | Dialect::Spine => None,
            },
            href: ContentId::parse(&content_id)
                .map_or_else(|_| Href::Other(format!("cid:{content_id}")), Href::Cid),
            description: self.payload_description(dialect),
            is_payload: true,
        }
    }

    fn payload_description(&self, dialect: Dialect) -> Option<String> {
        let action = self.header.action.as_str();
        let text = match dialect {
            Dialect::NationalMhs => "HL7 payload",
            Dialect::Spine => "The HL7 payload",
            Dialect::Tpp => return None,
            Dialect::Emis if self.is_acknowledgement => "Application Acknowledgement",
            Dialect::Emis | Dialect::Vision => action,
        };
        Some(text.to_owned())
    }
}

impl Attachment {
    /// The part of this attachment, if it is in this message.
    pub(crate) const fn inline(&self) -> Option<&Inline> {
        match &self.location {
            Location::Inline(inline) => Some(inline),
            Location::External(_) | Location::Dangling(_) | Location::Other(_) => None,
        }
    }

    /// The message that will carry this attachment, if it is promised.
    pub(crate) const fn promised(&self) -> Option<&EbxmlMessageId> {
        match &self.location {
            Location::External(id) => Some(id),
            Location::Inline(_) | Location::Dangling(_) | Location::Other(_) => None,
        }
    }

    fn reference(&self) -> Reference {
        let href = match &self.location {
            Location::Inline(inline) => Href::Cid(inline.content_id.clone()),
            Location::External(id) => Href::Mid(id.clone()),
            Location::Dangling(id) => Href::Cid(id.clone()),
            Location::Other(href) => Href::Other(href.clone()),
        };
        Reference {
            id: self.id.clone(),
            href,
            description: self.description.clone(),
            is_payload: false,
        }
    }
}

/// The wanted boundary, with a number behind it where a part holds it already.
pub(crate) fn free_boundary(wanted: String, parts: &[Part]) -> String {
    let is_free = |boundary: &str| {
        let finder = memchr::memmem::Finder::new(boundary);
        parts.iter().all(|part| finder.find(&part.body).is_none())
    };
    if is_free(&wanted) {
        return wanted;
    }
    (1_u64..)
        .map(|number| format!("{wanted}.{number}"))
        .find(|boundary| is_free(boundary))
        .unwrap_or(wanted)
}

fn boundary(dialect: Dialect, message_id: &EbxmlMessageId) -> String {
    match dialect {
        Dialect::NationalMhs | Dialect::Tpp | Dialect::Spine => "--=_MIME-Boundary".to_owned(),
        Dialect::Emis => format!("Boundary_{}", boundary_token(message_id)),
        Dialect::Vision => format!("----=_Part_{}", boundary_token(message_id)),
    }
}

/// The id as far as it fits a boundary: at most 70 characters of a small alphabet (RFC 2046).
fn boundary_token(message_id: &EbxmlMessageId) -> String {
    let fits = |c: &char| c.is_ascii_alphanumeric() || *c == '-';
    message_id
        .as_str()
        .to_ascii_lowercase()
        .chars()
        .filter(fits)
        .take(40)
        .collect()
}

fn content_type(dialect: Dialect, boundary: &str) -> String {
    let root = root_content_id(dialect);
    match dialect {
        Dialect::NationalMhs => {
            format!("multipart/related; boundary=\"{boundary}\"; type=text/xml; start={root}")
        }
        Dialect::Tpp => format!(
            "multipart/related;boundary=\"{boundary}\";type=\"text/xml\";charset=\"UTF-8\";start=\"{root}\""
        ),
        Dialect::Emis | Dialect::Vision | Dialect::Spine => format!(
            "multipart/related; boundary=\"{boundary}\"; type=\"text/xml\"; start=\"<{root}>\""
        ),
    }
}

const fn line_end(dialect: Dialect) -> LineEnd {
    match dialect {
        Dialect::NationalMhs => LineEnd::Lf,
        Dialect::Tpp | Dialect::Emis | Dialect::Vision | Dialect::Spine => LineEnd::CrLf,
    }
}

const fn root_content_id(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::NationalMhs | Dialect::Spine => "ebXMLHeader@spine.nhs.uk",
        Dialect::Tpp | Dialect::Vision => "soappart",
        Dialect::Emis => "ContentRoot",
    }
}

fn root_headers(dialect: Dialect) -> Vec<(String, String)> {
    let content_type = match dialect {
        Dialect::NationalMhs | Dialect::Spine | Dialect::Emis => "text/xml; charset=UTF-8",
        Dialect::Tpp => "text/xml; charset=ISO-8859-1",
        Dialect::Vision => "text/xml; charset=utf-8",
    };
    let mut headers = part_headers(
        dialect,
        root_content_id(dialect),
        content_type,
        TransferEncoding::Identity,
    );
    if dialect == Dialect::Emis {
        headers.retain(|(name, _)| name != TRANSFER_ENCODING);
    }
    headers
}

const fn payload_type(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::NationalMhs | Dialect::Spine | Dialect::Emis => "application/xml; charset=UTF-8",
        Dialect::Tpp => "application/xml; charset=ISO-8859-1",
        Dialect::Vision => "application/xml",
    }
}

/// Content id of the HL7 payload. EMIS and TPP write the same one in every message.
fn payload_content_id(dialect: Dialect, message_id: &EbxmlMessageId) -> String {
    match dialect {
        Dialect::NationalMhs | Dialect::Spine => format!("{message_id}@spine.nhs.uk"),
        Dialect::Tpp => "payload@tpp-uk.com/SystmOne/GP2GP1.1A".to_owned(),
        Dialect::Emis => "Content1@e-mis.com/EMISWeb/GP2GP2.2A".to_owned(),
        Dialect::Vision => format!("{message_id}@inps.co.uk/Vision/3"),
    }
}

const TRANSFER_ENCODING: &str = "Content-Transfer-Encoding";

/// The three headers of a part, in the supplier's order.
fn part_headers(
    dialect: Dialect,
    content_id: &str,
    content_type: &str,
    encoding: TransferEncoding,
) -> Vec<(String, String)> {
    let id = ("Content-Id".to_owned(), format!("<{content_id}>"));
    let content_type = ("Content-Type".to_owned(), content_type.to_owned());
    let encoding = (TRANSFER_ENCODING.to_owned(), encoding.as_str().to_owned());
    match dialect {
        Dialect::NationalMhs | Dialect::Tpp | Dialect::Spine => vec![id, content_type, encoding],
        Dialect::Emis => vec![id, encoding, content_type],
        Dialect::Vision => vec![content_type, id, encoding],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_boundary_that_occurs_in_a_part_is_not_used() {
        let part = |body: &'static str| Part {
            headers: vec![],
            body: body.into(),
        };
        assert_eq!(free_boundary("b".to_owned(), &[part("xyz")]), "b");
        assert_eq!(
            free_boundary("b".to_owned(), &[part("a"), part("abb.1c")]),
            "b.2"
        );
    }

    #[test]
    fn a_random_boundary_comes_from_the_message_id_and_fits_a_header() {
        let id = EbxmlMessageId::parse("C0A4527A-2AB3-4534-A0B5-A308AB64FE65").unwrap();
        assert_eq!(
            boundary(Dialect::Emis, &id),
            "Boundary_c0a4527a-2ab3-4534-a0b5-a308ab64fe65"
        );
        let hostile = EbxmlMessageId::parse(&"\"é;".repeat(60)).unwrap();
        assert_eq!(boundary(Dialect::Vision, &hostile), "----=_Part_");
    }

    #[test]
    fn every_content_type_names_its_boundary_and_root_part() {
        for dialect in Dialect::ALL {
            let content_type = content_type(dialect, "--=_b");
            assert_eq!(mime::parameter(&content_type, "boundary").unwrap(), "--=_b");
            let start = mime::parameter(&content_type, "start").unwrap();
            assert_eq!(start.trim_matches(['<', '>']), root_content_id(dialect));
        }
    }
}
