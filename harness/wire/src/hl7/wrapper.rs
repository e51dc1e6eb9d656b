//! The transmission wrapper that all five messages share.

use bytes::Bytes;
use gp2gp_model::{Asid, Hl7MessageId};
use roxmltree::Node;

use super::writer::Writer;
use super::{Hl7Error, oid, path};

/// Transmission wrapper.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wrapper {
    /// `id/@root`.
    pub id: Hl7MessageId,
    /// `creationTime/@value`, as written: `yyyyMMddHHmmss[SSS]`, UK local time.
    pub creation_time: String,
    /// `versionCode/@code`, e.g. `V3NPfIT3.1.10`.
    pub version_code: String,
    /// Root element, e.g. `RCMR_IN010000UK05`.
    pub root: String,
    /// `interactionId/@extension`.
    pub interaction_id: String,
    /// `communicationFunctionRcv/device/id/@extension`.
    pub recipient: Asid,
    /// `communicationFunctionSnd/device/id/@extension`.
    pub sender: Asid,
    /// `ControlActEvent/author1/.../id/@extension`: the sender again; `None` if absent.
    pub author: Option<Asid>,
}

impl Wrapper {
    pub(super) fn read(root: &Node<'_, '_>) -> Result<Self, Hl7Error> {
        Ok(Self {
            id: path::id(root, "id/@root")?,
            creation_time: path::required(root, "creationTime/@value")?.into_owned(),
            version_code: path::required(root, "versionCode/@code")?.into_owned(),
            root: root.tag_name().name().to_owned(),
            interaction_id: path::required(root, "interactionId/@extension")?.into_owned(),
            recipient: path::id(root, "communicationFunctionRcv/device/id/@extension")?,
            sender: path::id(root, "communicationFunctionSnd/device/id/@extension")?,
            author: path::optional_id(
                root,
                "ControlActEvent/author1/AgentSystemSDS/agentSystemSDS/id/@extension",
            )?,
        })
    }

    /// Writes a whole message. `acknowledgement` comes before the communication functions,
    /// `event` after the author of the control act.
    pub(super) fn write(
        &self,
        mut writer: Writer,
        acknowledgement: impl FnOnce(&mut Writer),
        event: impl FnOnce(&mut Writer),
    ) -> Bytes {
        writer.root(&self.root, "Message", |w| {
            w.leaf("id", &[("root", self.id.as_str())]);
            self.write_codes(w, &self.version_code, &self.interaction_id);
            acknowledgement(w);
            self.write_functions(w);
            let event_attributes = [("classCode", "CACT"), ("moodCode", "EVN")];
            w.element("ControlActEvent", "ControlAct", &event_attributes, |w| {
                if let Some(author) = &self.author {
                    write_author(w, author);
                }
                event(w);
            });
        });
        writer.finish()
    }

    /// From `creationTime` to `acceptAckCode`. The message inside a Continue has its own
    /// version and interaction.
    pub(super) fn write_codes(&self, w: &mut Writer, version_code: &str, interaction_id: &str) {
        w.leaf("creationTime", &[("value", &self.creation_time)]);
        w.leaf("versionCode", &[("code", version_code)]);
        w.leaf(
            "interactionId",
            &[("root", oid::INTERACTION), ("extension", interaction_id)],
        );
        w.leaf("processingCode", &[("code", "P")]);
        w.leaf("processingModeCode", &[("code", "T")]);
        w.leaf("acceptAckCode", &[("code", "NE")]);
    }

    /// `communicationFunctionRcv` and `communicationFunctionSnd`.
    pub(super) fn write_functions(&self, w: &mut Writer) {
        for (name, type_code, asid) in [
            ("communicationFunctionRcv", "RCV", &self.recipient),
            ("communicationFunctionSnd", "SND", &self.sender),
        ] {
            w.element(
                name,
                "CommunicationFunction",
                &[("typeCode", type_code)],
                |w| {
                    write_device(w, "device", asid);
                },
            );
        }
    }
}

fn write_author(w: &mut Writer, author: &Asid) {
    w.element("author1", "Participation", &[("typeCode", "AUT")], |w| {
        w.element(
            "AgentSystemSDS",
            "RoleHeir",
            &[("classCode", "AGNT")],
            |w| {
                write_device(w, "agentSystemSDS", author);
            },
        );
    });
}

fn write_device(w: &mut Writer, name: &str, asid: &Asid) {
    let attributes = [("classCode", "DEV"), ("determinerCode", "INSTANCE")];
    w.element(name, "Device", &attributes, |w| {
        w.leaf("id", &[("root", oid::ASID), ("extension", asid.as_str())]);
    });
}
