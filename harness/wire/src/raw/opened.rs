//! An encoded message taken apart, so that one thing can be changed.

use bytes::Bytes;
use gp2gp_model::Interaction;
use memchr::memmem;

use super::{bomb, text};
use crate::Encoded;
use crate::attachment::{Wrap, encode};
use crate::mime::{self, LineEnd, Part, TransferEncoding};

pub(super) struct Opened {
    message: Encoded,
    boundary: String,
    line_end: LineEnd,
    root: usize,
    parts: Vec<Part>,
}

impl Opened {
    pub(super) fn new(message: &Encoded) -> Option<Self> {
        let multipart = mime::split(&message.content_type, &message.body).ok()?;
        let boundary = mime::parameter(&message.content_type, "boundary")?;
        let crlf_delimiter = format!("--{boundary}\r\n");
        let line_end = match memmem::find(&message.body, crlf_delimiter.as_bytes()) {
            Some(_) => LineEnd::CrLf,
            None => LineEnd::Lf,
        };
        let root = multipart.root();
        Some(Self {
            message: message.clone(),
            boundary,
            line_end,
            root,
            parts: multipart.parts,
        })
    }

    pub(super) fn close(self) -> Encoded {
        let body = mime::join(&self.boundary, self.line_end, &self.parts);
        Encoded {
            body,
            ..self.message
        }
    }
}

/// Breaks of the bytes around the parts.
impl Opened {
    pub(super) fn cut_body_at(self, length: usize) -> Option<Encoded> {
        let body = self
            .message
            .body
            .get(..length)
            .map(Bytes::copy_from_slice)?;
        Some(Encoded {
            body,
            ..self.message
        })
    }

    pub(super) fn cut_closing_boundary(self) -> Option<Encoded> {
        let closing = format!("--{}--", self.boundary);
        let at = memmem::rfind(&self.message.body, closing.as_bytes())?;
        self.cut_body_at(at)
    }

    pub(super) fn rename_boundary(self) -> Option<Encoded> {
        let content_type = &self.message.content_type;
        let at = content_type.find(&self.boundary)?;
        let (before, rest) = content_type.split_at_checked(at)?;
        Some(Encoded {
            content_type: format!("{before}another{rest}"),
            ..self.message
        })
    }

    pub(super) fn insert_bad_header(self) -> Option<Encoded> {
        let opening = format!("--{}{}", self.boundary, self.line_end.as_str());
        let at = memmem::find(&self.message.body, opening.as_bytes())? + opening.len();
        let line = format!("this line is no header{}", self.line_end.as_str());
        let body = text::spliced(&self.message.body, at..at, line.as_bytes())?;
        Some(Encoded {
            body,
            ..self.message
        })
    }
}

/// Breaks of the set of parts. The envelope always stays.
impl Opened {
    pub(super) fn add_stray_part(&mut self) {
        self.add_part(
            "<unnamed@stray.invalid>",
            "text/plain",
            "nobody names this part",
        );
    }

    pub(super) fn add_nested_multipart(&mut self) {
        let inner = "--inner\nContent-Type: text/plain\n\ninner\n--inner--\n";
        let content_type = "multipart/mixed; boundary=\"inner\"";
        self.add_part("<nested@stray.invalid>", content_type, inner);
    }

    pub(super) fn add_empty_parts(&mut self, count: usize) {
        let empty = Part {
            headers: Vec::new(),
            body: Bytes::new(),
        };
        self.parts.extend(std::iter::repeat_n(empty, count));
    }

    pub(super) fn remove_last_part(&mut self) -> Option<()> {
        let last = self.last_after_root()?;
        self.parts.remove(last);
        Some(())
    }

    pub(super) fn double_last_part(&mut self) -> Option<()> {
        let last = self.parts.get(self.last_after_root()?)?.clone();
        self.parts.push(last);
        Some(())
    }

    fn last_after_root(&self) -> Option<usize> {
        (0..self.parts.len()).rev().find(|at| *at != self.root)
    }

    fn add_part(&mut self, content_id: &str, content_type: &str, body: &'static str) {
        let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        self.parts.push(Part {
            headers: vec![
                header("Content-Id", content_id),
                header("Content-Type", content_type),
            ],
            body: Bytes::from_static(body.as_bytes()),
        });
    }
}

/// Breaks of what the parts hold.
impl Opened {
    pub(super) fn edit_envelope(&mut self, edit: impl Fn(&Bytes) -> Option<Bytes>) -> Option<()> {
        let envelope = self.parts.get_mut(self.root)?;
        envelope.body = edit(&envelope.body)?;
        Some(())
    }

    /// The payload is the first part beside the envelope.
    pub(super) fn edit_payload(&mut self, edit: impl Fn(&Bytes) -> Option<Bytes>) -> Option<()> {
        let payload = self.parts.get_mut(usize::from(self.root == 0))?;
        payload.body = edit(&payload.body)?;
        Some(())
    }

    /// Edits the first base64 part that is not blank.
    pub(super) fn edit_base64(&mut self, edit: impl Fn(&Bytes) -> Option<Bytes>) -> Option<()> {
        let part = self.first_base64()?;
        part.body = edit(&part.body)?;
        Some(())
    }

    pub(super) fn change_action(&mut self) -> Option<()> {
        let old = text::element_text(&self.parts.get(self.root)?.body, "Action")?;
        let new = match old.as_str() == Interaction::Acknowledgement.id() {
            true => Interaction::EhrRequestUk05.id(),
            false => Interaction::Acknowledgement.id(),
        };
        self.message.soap_action = self.message.soap_action.replace(&old, new);
        self.edit_envelope(|xml| text::with_element_text(xml, "Action", new))
    }

    pub(super) fn lower_case_message_id(&mut self) -> Option<()> {
        let id = text::element_text(&self.parts.get(self.root)?.body, "MessageId")?;
        let lower = Some(id.to_ascii_lowercase()).filter(|lower| *lower != id)?;
        self.edit_envelope(|xml| text::with_element_text(xml, "MessageId", &lower))?;
        self.edit_payload(|xml| Some(text::replaced(xml, &id, &lower)))
    }

    pub(super) fn lower_case_ids(&mut self) -> Option<()> {
        let id = text::element_text(&self.parts.get(self.root)?.body, "ConversationId")?;
        let lower = Some(id.to_ascii_lowercase()).filter(|lower| *lower != id)?;
        self.edit_envelope(|xml| text::with_element_text(xml, "ConversationId", &lower))?;
        self.edit_payload(|xml| Some(text::with_lower_case_uuids(xml)))
    }

    pub(super) fn plant_gzip_bomb(&mut self) -> Option<()> {
        let part = self.first_base64()?;
        part.body = encode(&bomb::gzip().ok()?, Wrap::None);
        let content_id = part.content_id()?;
        self.edit_envelope(|xml| Some(text::marked_compressed(xml, content_id.as_str())))
    }

    fn first_base64(&mut self) -> Option<&mut Part> {
        self.parts.iter_mut().find(|part| {
            part.transfer_encoding() == TransferEncoding::Base64
                && !part.body.trim_ascii().is_empty()
        })
    }
}
