//! Reads what a document store says of a patient: a search set of `DocumentReference`s.

use gp2gp_model::DocumentId;
use gp2gp_wire::export::Packed;
use serde_json::Value;

use crate::peer::HttpResponse;
use crate::store::SHA_256;

/// A document as a list names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Listed {
    /// As a package would hold it.
    pub(super) packed: Packed,
    /// Where its content is.
    pub(super) url: String,
}

/// The documents of a list; `None` if it is none.
pub(super) fn documents(response: &HttpResponse) -> Option<Vec<Listed>> {
    resources(response)?.iter().map(listed).collect()
}

/// The logical id of the patient that a search found; `None` where it found nobody.
pub(super) fn patient(response: &HttpResponse) -> Option<String> {
    let found = resources(response)?;
    Some(found.first()?.get("id")?.as_str()?.to_owned())
}

fn resources(response: &HttpResponse) -> Option<Vec<Value>> {
    if response.status != 200 {
        return None;
    }
    let bundle: Value = serde_json::from_slice(&response.body).ok()?;
    let entries = bundle.get("entry")?.as_array()?;
    let resource = |entry: &Value| entry.get("resource").cloned();
    entries.iter().map(resource).collect()
}

fn listed(reference: &Value) -> Option<Listed> {
    let attachment = reference.pointer("/content/0/attachment")?;
    let text = |name: &str| Some(attachment.get(name)?.as_str()?.to_owned());
    let extensions = attachment.get("extension")?.as_array()?;
    let sha256 = extensions
        .iter()
        .find(|extension| extension.get("url").and_then(Value::as_str) == Some(SHA_256))?
        .get("valueString")?
        .as_str()?;
    Some(Listed {
        packed: Packed {
            document: DocumentId::parse(reference.get("id")?.as_str()?).ok()?,
            file_name: text("title")?,
            media_type: text("contentType")?,
            sha256: sha256.parse().ok()?,
            bytes: attachment.get("size")?.as_u64()?,
        },
        url: text("url")?,
    })
}

/// What a `$state` says of a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Standing {
    pub(super) in_record: bool,
    /// A copy exists from which it can be restored.
    pub(super) restorable: bool,
}

/// Where a document stands; `None` if the answer does not say so.
pub(super) fn standing(response: &HttpResponse) -> Option<Standing> {
    if response.status != 200 {
        return None;
    }
    let parameters: Value = serde_json::from_slice(&response.body).ok()?;
    let parameters = parameters.get("parameter")?.as_array()?;
    let flag = |name: &str| {
        let named = |it: &&Value| it.get("name").and_then(Value::as_str) == Some(name);
        let parameter = parameters.iter().find(named)?;
        parameter.get("valueBoolean")?.as_bool()
    };
    Some(Standing {
        in_record: flag("inRecord")?,
        restorable: flag("restorable")?,
    })
}
