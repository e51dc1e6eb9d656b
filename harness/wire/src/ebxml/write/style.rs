//! How each supplier's envelopes look (the table of spec 10, and recorded messages).

use crate::Dialect;

/// The look of an envelope.
pub(super) struct Style {
    /// XML declaration with its line end, or nothing.
    pub(super) declaration: &'static str,
    /// Namespace declarations of the root.
    pub(super) on_envelope: &'static [(&'static str, &'static str)],
    /// Namespace declarations of the manifest.
    pub(super) on_manifest: &'static [(&'static str, &'static str)],
    /// Namespace declarations of each reference.
    pub(super) on_reference: &'static [(&'static str, &'static str)],
    /// Canonical prefix of an element, and what is written instead.
    pub(super) elements: &'static [(&'static str, &'static str)],
    /// The same for attributes.
    pub(super) attributes: &'static [(&'static str, &'static str)],
    /// Attributes by local name, in the order in which they are written.
    pub(super) order: &'static [&'static str],
    /// End of a tag without content.
    pub(super) empty_end: &'static str,
    /// Each element on a line of its own, indented by tabs.
    pub(super) indented: bool,
    /// `xml:lang` of descriptions.
    pub(super) language: &'static str,
    /// Text of `eb:DuplicateElimination`.
    pub(super) duplicate_elimination: &'static str,
    /// The manifest has `mustUnderstand`.
    pub(super) manifest_must_understand: bool,
    /// `eb:Schema` of the payload's reference.
    pub(super) schema: Option<Schema>,
}

/// `eb:Schema`.
#[derive(Clone, Copy)]
pub(super) struct Schema {
    /// `eb:location`; `{action}` stands for the interaction.
    pub(super) location: &'static str,
    /// `eb:version`.
    pub(super) version: &'static str,
}

impl Style {
    /// The look of a supplier's envelopes.
    pub(super) const fn of(dialect: Dialect) -> &'static Self {
        match dialect {
            Dialect::NationalMhs => &NATIONAL_MHS,
            Dialect::Tpp => &TPP,
            Dialect::Emis => &EMIS,
            Dialect::Vision => &VISION,
            Dialect::Spine => &SPINE,
        }
    }

    /// Place of an attribute among its siblings; namespace declarations come last.
    pub(super) fn rank(&self, attribute: &str) -> usize {
        let local = attribute.rsplit(':').next().unwrap_or(attribute);
        self.order
            .iter()
            .position(|name| *name == local)
            .unwrap_or(self.order.len())
    }
}

const SOAP: &str = "http://schemas.xmlsoap.org/soap/envelope/";
const EB: &str = "http://www.oasis-open.org/committees/ebxml-msg/schema/msg-header-2_0.xsd";
const HL7_EBXML: &str = "urn:hl7-org:transport/ebxml/DSTUv1.0";
const XLINK: &str = "http://www.w3.org/1999/xlink";
/// Misspelt on the wire.
const XSI: &str = "http://www.w3c.org/2001/XML-Schema-Instance";
const HL7_MESSAGE: &str = "http://www.nhsia.nhs.uk/schemas/HL7-Message.xsd";

const NATIONAL_MHS: Style = Style {
    declaration: "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n",
    on_envelope: &[
        ("xmlns:xsi", XSI),
        ("xmlns:SOAP", SOAP),
        ("xmlns:eb", EB),
        ("xmlns:hl7ebxml", HL7_EBXML),
        ("xmlns:xlink", XLINK),
    ],
    on_manifest: &[],
    on_reference: &[],
    elements: &[("soap", "SOAP")],
    attributes: &[("soap", "SOAP")],
    order: &[
        "style",
        "encoding",
        "location",
        "mustUnderstand",
        "version",
        "signed",
        "actor",
        "id",
    ],
    empty_end: "/>",
    indented: true,
    language: "en",
    duplicate_elimination: "",
    manifest_must_understand: true,
    schema: Some(Schema {
        location: HL7_MESSAGE,
        version: "1.0",
    }),
};

const TPP: Style = Style {
    declaration: "<?xml version=\"1.0\" encoding=\"UTF-8\" ?>",
    order: &[
        "style",
        "encoding",
        "location",
        "mustUnderstand",
        "version",
        "signed",
        "actor",
        "href",
        "id",
    ],
    indented: false,
    language: "en-gb",
    duplicate_elimination: "always",
    schema: Some(Schema {
        location: HL7_MESSAGE,
        version: "2.0",
    }),
    ..NATIONAL_MHS
};

const EMIS: Style = Style {
    declaration: "",
    on_envelope: &[
        ("xmlns:eb", EB),
        ("xmlns:hl7ebxml", HL7_EBXML),
        ("xmlns:soap", SOAP),
    ],
    on_reference: &[("xmlns:d4p1", XLINK)],
    elements: &[],
    attributes: &[("xlink", "d4p1")],
    order: &[
        "style",
        "encoding",
        "version",
        "mustUnderstand",
        "actor",
        "signed",
        "id",
        "href",
    ],
    empty_end: " />",
    indented: false,
    schema: None,
    ..NATIONAL_MHS
};

const VISION: Style = Style {
    declaration: "",
    on_envelope: &[
        ("xmlns:SOAP-ENV", SOAP),
        ("xmlns:eb", EB),
        ("xmlns:hl7ebXML", HL7_EBXML),
        ("xmlns:soap-env", SOAP),
        ("xmlns:xlink", XLINK),
    ],
    elements: &[("soap", "SOAP-ENV"), ("hl7ebxml", "hl7ebXML")],
    attributes: &[("soap", "soap-env")],
    order: &[
        "encoding",
        "style",
        "id",
        "signed",
        "version",
        "actor",
        "mustUnderstand",
        "href",
    ],
    indented: false,
    language: "en-GB",
    duplicate_elimination: "always",
    manifest_must_understand: false,
    schema: None,
    ..NATIONAL_MHS
};

const SPINE: Style = Style {
    declaration: "<?xml version='1.0' encoding='UTF-8'?>\n",
    on_envelope: &[
        ("xmlns:xsi", XSI),
        ("xmlns:soap", SOAP),
        ("xmlns:eb", EB),
        ("xmlns:xlink", XLINK),
    ],
    on_manifest: &[("xmlns:hl7ebxml", "urn:hl7-org:transport/ebXML/DSTUv1.0")],
    elements: &[],
    attributes: &[],
    order: &[
        "style",
        "encoding",
        "location",
        "version",
        "mustUnderstand",
        "actor",
        "signed",
        "href",
        "id",
    ],
    indented: false,
    manifest_must_understand: false,
    schema: Some(Schema {
        location: "urn:hl7-org:v3_{action}.xsd",
        version: "13",
    }),
    ..NATIONAL_MHS
};

/// Acknowledgments, error lists and faults. The prefix is the one that fault codes are written
/// with, e.g. `SOAP:Server`.
pub(super) const REPLY: Style = Style {
    indented: false,
    language: "en-GB",
    ..NATIONAL_MHS
};
