//! A random history of one patient's export, and how it is written as a scenario file.

use std::fmt::Write as _;

use proptest::collection::vec;
use proptest::prelude::*;

/// What happens in one practice.
#[derive(Debug, Clone)]
pub(crate) struct History {
    /// Sizes of the documents that are there from the start.
    documents: Vec<u16>,
    /// Minutes after which letters come.
    arrivals: Vec<u16>,
    /// Who wants what, and after how many minutes.
    wishes: Vec<(u16, &'static str)>,
    troubles: Vec<Trouble>,
    terms: Terms,
}

#[derive(Debug, Clone)]
struct Terms {
    guarded: bool,
    permission: &'static str,
    permission_hours: u8,
    processing_minutes: u16,
    retention_hours: u8,
}

/// Something that goes wrong.
#[derive(Debug, Clone)]
enum Trouble {
    Store {
        operation: &'static str,
        effect: &'static str,
        often: Often,
    },
    Crash {
        system: &'static str,
        from_seconds: u16,
        minutes: u16,
    },
}

#[derive(Debug, Clone)]
enum Often {
    Occurrence(u8),
    First(u8),
    Percent(u8),
    From { minutes: u8, lasts: u16 },
}

/// Any history.
pub(crate) fn histories() -> impl Strategy<Value = History> {
    (
        vec(100..2_000_u16, 0..6),
        vec(0..6_000_u16, 0..4),
        vec(wish(), 0..5),
        vec(trouble(), 0..5),
        terms(),
    )
        .prop_map(|(documents, arrivals, wishes, troubles, terms)| History {
            documents,
            arrivals,
            wishes,
            troubles,
            terms,
        })
}

fn wish() -> impl Strategy<Value = (u16, &'static str)> {
    let wishes = prop_oneof![
        4 => Just("export"),
        3 => Just("export-documents"),
        1 => Just("delete"),
        1 => Just("restore"),
        1 => Just("send-again"),
    ];
    (0..4_000_u16, wishes)
}

fn trouble() -> impl Strategy<Value = Trouble> {
    let operation = prop_oneof![
        4 => Just("delete"),
        3 => Just("archive"),
        1 => Just("read"),
        1 => Just("list"),
        1 => Just("record"),
        1 => Just("restore"),
    ];
    let effect = prop_oneof![
        3 => Just("{ refuse = 500 }"),
        2 => Just("\"lose-answer\""),
        1 => Just("\"reset\""),
        1 => Just("{ delay = \"30s\" }"),
    ];
    let often = prop_oneof![
        (1..9_u8).prop_map(Often::Occurrence),
        (1..9_u8).prop_map(Often::First),
        (1..80_u8).prop_map(Often::Percent),
        (0..120_u8, 1..3_000_u16).prop_map(|(minutes, lasts)| Often::From { minutes, lasts }),
    ];
    let system = prop_oneof![Just("practice"), Just("desk"), Just("clearing")];
    prop_oneof![
        4 => (operation, effect, often).prop_map(|(operation, effect, often)| Trouble::Store {
            operation,
            effect,
            often,
        }),
        1 => (system, 1..20_000_u16, 1..3_000_u16).prop_map(|(system, from_seconds, minutes)| {
            Trouble::Crash {
                system,
                from_seconds,
                minutes,
            }
        }),
    ]
}

fn terms() -> impl Strategy<Value = Terms> {
    (
        any::<bool>(),
        prop_oneof![3 => Just("granted"), 1 => Just("refused"), 1 => Just("never")],
        1..100_u8,
        1..3_000_u16,
        1..200_u8,
    )
        .prop_map(
            |(guarded, permission, permission_hours, processing_minutes, retention_hours)| Terms {
                guarded,
                permission,
                permission_hours,
                processing_minutes,
                retention_hours,
            },
        )
}

impl History {
    /// As people would write it.
    pub(crate) fn scenario(&self) -> String {
        let mut text = String::from(
            "title = \"A random history\"\n\
             story = \"Made by chance, and made as small as it could be.\"\n\
             judges = [\"exporting\"]\n\
             failure_modes = []\n\
             requirements = [\"EXP-10\"]\n\
             seed = 7\n",
        );
        self.terms.write(&mut text);
        text.push_str("\n[[patient]]\nname = \"alice\"\nrecord = \"2 KB\"\n");
        for bytes in &self.documents {
            let _ = write!(
                text,
                "\n    [[patient.document]]\n    type = \"application/rtf\"\n    size = \"{bytes} B\"\n"
            );
        }
        for minutes in &self.arrivals {
            let _ = write!(
                text,
                "\n    [[patient.document]]\n    type = \"text/plain\"\n    size = \"300 B\"\n    arrives = \"{minutes}m\"\n"
            );
        }
        for (minutes, wish) in std::iter::once(&(0, "export")).chain(&self.wishes) {
            let _ = write!(
                text,
                "\n[[step]]\nat = \"{minutes}m\"\nat_office = {{ patient = \"alice\", wish = \"{wish}\" }}\n"
            );
        }
        for (number, trouble) in self.troubles.iter().enumerate() {
            trouble.write(number, &mut text);
        }
        text
    }

    /// So many documents were there at some time.
    pub(crate) fn documents(&self) -> usize {
        self.documents.len() + self.arrivals.len()
    }
}

impl Terms {
    fn write(&self, text: &mut String) {
        let store = match self.guarded {
            true => "archive-first",
            false => "unguarded",
        };
        let _ = write!(
            text,
            "\n[export]\nstore = \"{store}\"\npermission = \"{}\"\npermission_after = \"{}h\"\nprocessing = \"{}m\"\nretention = \"{}h\"\n",
            self.permission, self.permission_hours, self.processing_minutes, self.retention_hours
        );
    }
}

impl Trouble {
    fn write(&self, number: usize, text: &mut String) {
        let _ = write!(text, "\n[[fault]]\nname = \"trouble {number}\"\n");
        match self {
            Self::Store {
                operation,
                effect,
                often,
            } => {
                let when = match often {
                    Often::Occurrence(number) => format!("occurrence = {number}"),
                    Often::First(number) => format!("first = {number}"),
                    Often::Percent(percent) => format!("percent = {percent}"),
                    Often::From { minutes, lasts } => {
                        format!("from = \"{minutes}m\", lasts = \"{lasts}m\"")
                    }
                };
                let _ = write!(
                    text,
                    "effect = {effect}\non = {{ store = \"{operation}\" }}\nwhen = {{ {when} }}\n"
                );
            }
            Self::Crash {
                system,
                from_seconds,
                minutes,
            } => {
                let _ = write!(
                    text,
                    "effect = {{ crash = \"{minutes}m\" }}\non = {{ system = \"{system}\" }}\nwhen = {{ from = \"{from_seconds}s\" }}\n"
                );
            }
        }
    }
}
