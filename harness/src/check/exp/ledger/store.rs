//! Changes in the document store: who may make them, and with what proofs.

use gp2gp_model::DocumentId;
use gp2gp_model::store::{ActingRole, DocumentOperation};
use gp2gp_model::trace::Endpoint;

use super::{Ledger, explained};
use crate::check::exp::history::{Stage, StoreStep};
use crate::check::exp::rule::Rule;

impl Ledger {
    pub(super) fn store(&mut self, step: &StoreStep) {
        let role = step.role.unwrap_or(ActingRole::System);
        if !role.may(step.operation) {
            return self.without_right(step, role);
        }
        match (step.operation, step.stage) {
            (DocumentOperation::Delete, Stage::Asked) => self.delete(step, role),
            (DocumentOperation::Delete, Stage::Done) => {
                if let Some(document) = self.document_mut(&step.document) {
                    document.in_record = false;
                }
            }
            (DocumentOperation::Archive, Stage::Done) => {
                self.not_archivable.remove(&step.document);
                if let Some(document) = self.document_mut(&step.document) {
                    document.has_copy = true;
                }
            }
            (DocumentOperation::Archive, Stage::Refused(_) | Stage::NoAnswer)
                if step.by == Endpoint::Desk =>
            {
                self.not_archivable.insert(step.document.clone());
            }
            // Whether it is back, the next list says; until then nobody may say that it is not.
            (DocumentOperation::Restore, Stage::Done | Stage::NoAnswer) => {
                if let Some(document) = self.document_mut(&step.document) {
                    document.in_record = true;
                }
            }
            (_, _) => {}
        }
        if let Some(index) = self.ids.get(&step.document).copied() {
            self.touch(index);
        }
    }

    /// Two proofs, and a permission where it is done by hand.
    fn delete(&mut self, step: &StoreStep, role: ActingRole) {
        let Some(index) = self.ids.get(&step.document).copied() else {
            return;
        };
        let name = self.name(index);
        let is_exported = self.is_exported(index);
        let has_copy = (self.documents.get(index)).is_some_and(|document| document.has_copy);
        let trail = self.trail_of(index);
        let breach = self.expect(
            Rule::ProofBeforeDelete,
            is_exported && has_copy,
            || format!("before {name} is deleted: an accepted export and an archive copy"),
            || match (is_exported, has_copy) {
                (false, true) => "it was never exported".to_owned(),
                (true, false) => "it has no archive copy".to_owned(),
                (_, _) => "it was never exported and has no archive copy".to_owned(),
            },
        );
        explained(breach, trail.clone());
        if role == ActingRole::SupportDesk && self.not_archivable.contains(&step.document) {
            let is_permitted = self.permitted.contains(&step.document);
            let breach = self.expect(
                Rule::Permission,
                is_permitted,
                || format!("permission of the practice or the health board to delete {name}"),
                || "the desk deletes it by hand, and nobody has permitted that".to_owned(),
            );
            explained(breach, trail);
        }
    }

    fn without_right(&mut self, step: &StoreStep, role: ActingRole) {
        let (operation, document) = (step.operation, step.document.clone());
        match step.stage {
            Stage::Asked => {}
            Stage::Done => {
                self.broken(
                    Rule::Roles,
                    format!("{role} may not {operation} documents: refused"),
                    format!("{document} was changed"),
                );
            }
            Stage::Refused(_) => {
                self.occasion(Rule::Roles);
                self.unrecorded.insert((document, operation, role));
            }
            Stage::NoAnswer => {}
        }
    }

    pub(super) fn audited(&mut self, document: &DocumentId, refused: &[(String, String)]) {
        let waiting: Vec<_> = (self.unrecorded.iter())
            .filter(|(about, ..)| about == document)
            .cloned()
            .collect();
        for entry in waiting {
            let (_, operation, role) = &entry;
            let (operation, role) = (operation.name(), role.name());
            let is_recorded = refused
                .iter()
                .any(|(what, who)| what == operation && who == role);
            self.expect(
                Rule::Roles,
                is_recorded,
                || format!("the audit trail says that {role} tried to {operation} {document}"),
                || "it does not".to_owned(),
            );
            self.unrecorded.remove(&entry);
        }
    }
}
