//! The acknowledgment, which Spine writes for every message: its text is made once, and only what
//! differs is filled in.

use std::str::FromStr;
use std::sync::LazyLock;

use gp2gp_model::{IdError, Time};

use super::{Acknowledgment, time_text, written_acknowledgment};
use crate::hl7::xml::{escape_attribute, escape_text};

/// What differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Field {
    From,
    To,
    CpaId,
    ConversationId,
    MessageId,
    RefToMessageId,
    Timestamp,
    Actor,
}

impl Field {
    const ALL: [Self; 8] = [
        Self::From,
        Self::To,
        Self::CpaId,
        Self::ConversationId,
        Self::MessageId,
        Self::RefToMessageId,
        Self::Timestamp,
        Self::Actor,
    ];

    /// What stands in its place in the text that the template is cut from.
    const fn mark(self) -> &'static str {
        match self {
            Self::From => "{from}",
            Self::To => "{to}",
            Self::CpaId => "{cpa-id}",
            Self::ConversationId => "{conversation-id}",
            Self::MessageId => "{message-id}",
            Self::RefToMessageId => "{ref-to-message-id}",
            Self::Timestamp => "1970-01-01T00:00:00Z",
            Self::Actor => "{actor}",
        }
    }
}

/// Fixed text with a field behind each piece.
#[derive(Debug)]
struct Template {
    pieces: Vec<(String, Field)>,
    end: String,
}

static TEMPLATE: LazyLock<Template> = LazyLock::new(Template::cut);

/// Room for the fields of an acknowledgment.
const FIELD_BYTES: usize = 400;

/// The text of an acknowledgment.
pub(super) fn filled(ack: &Acknowledgment) -> String {
    let timestamp = time_text(ack.timestamp);
    let template = &*TEMPLATE;
    let fixed: usize = template.pieces.iter().map(|(text, _)| text.len()).sum();
    let mut out = String::with_capacity(fixed + template.end.len() + FIELD_BYTES);
    for (text, field) in &template.pieces {
        out.push_str(text);
        out.push_str(&match field {
            Field::From => escape_text(ack.from.as_str()),
            Field::To => escape_text(ack.to.as_str()),
            Field::CpaId => escape_text(ack.cpa_id.as_str()),
            Field::ConversationId => escape_text(ack.conversation_id.as_str()),
            Field::MessageId => escape_text(ack.message_id.as_str()),
            Field::RefToMessageId => escape_text(ack.ref_to_message_id.as_str()),
            Field::Timestamp => timestamp.as_str().into(),
            Field::Actor => escape_attribute(&ack.actor),
        });
    }
    out.push_str(&template.end);
    out
}

impl Template {
    fn cut() -> Self {
        let whole = written_acknowledgment(&Acknowledgment {
            from: marked(Field::From),
            to: marked(Field::To),
            cpa_id: marked(Field::CpaId),
            conversation_id: marked(Field::ConversationId),
            message_id: marked(Field::MessageId),
            ref_to_message_id: marked(Field::RefToMessageId),
            timestamp: Time::from_micros(0),
            actor: Field::Actor.mark().to_owned(),
        });
        let mut rest = whole.as_str();
        let mut pieces = Vec::new();
        while let Some((at, field)) = first_mark(rest) {
            let (text, marked) = rest.split_at(at);
            pieces.push((text.to_owned(), field));
            rest = marked.strip_prefix(field.mark()).unwrap_or_default();
        }
        Self {
            pieces,
            end: rest.to_owned(),
        }
    }
}

fn first_mark(text: &str) -> Option<(usize, Field)> {
    let found = |field: Field| Some((text.find(field.mark())?, field));
    let places = Field::ALL.into_iter().filter_map(found);
    places.min_by_key(|(at, _)| *at)
}

fn marked<Id: FromStr<Err = IdError>>(field: Field) -> Id {
    match field.mark().parse() {
        Ok(id) => id,
        Err(error) => unreachable!("{error}"),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_template_says_what_is_written_element_by_element(
            id in "[!-~]{1,40}|\\PC{1,3}x",
            other in "[A-Z0-9<&\"{}-]{1,36}",
            actor in "[ -~]{0,40}",
            micros in prop_oneof![Just(1_767_603_600_000_000_u64), 0..4_000_000_000_000_000_u64],
        ) {
            let Ok(message_id) = id.parse() else { return Ok(()) };
            let ack = Acknowledgment {
                from: other.parse().unwrap(),
                to: id.parse().unwrap(),
                cpa_id: other.parse().unwrap(),
                conversation_id: id.parse().unwrap(),
                message_id,
                ref_to_message_id: other.parse().unwrap(),
                timestamp: Time::from_micros(micros),
                actor,
            };
            prop_assert_eq!(filled(&ack), written_acknowledgment(&ack));
        }
    }
}
