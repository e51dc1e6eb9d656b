//! Everybody who plays in a run, made from its plan.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use gp2gp_model::directory::Practice;
use gp2gp_model::export::ExportPlan;
use gp2gp_model::federation::FederationTerms;
use gp2gp_model::plan::{DocumentPlan, PatientPlan, Plan, Role, Side};
use gp2gp_model::store::DeletePolicy;
use gp2gp_model::trace::Endpoint;
use gp2gp_model::{NhsNumber, OdsCode, Sha256};
use gp2gp_sim::Streams;

use crate::defect::{Defect, ExportingDefect, HubDefect, RequestingDefect, SendingDefect};
use crate::export::{Board, ClearingHouse, Desk, Importing, Office, OfficeConfig};
use crate::federation::{Clinic, Hub, Mailbox, MemberPractice, PracticeSystem};
use crate::fhir::api_key;
use crate::mhs::Identity;
use crate::pds::{Pds, PdsConfig};
use crate::peer::Peer;
use crate::people::People;
use crate::requesting::{Requesting, RequestingConfig};
use crate::sds::{Sds, SdsConfig};
use crate::sending::{Holding, Sending, SendingConfig, reason_on_paper};
use crate::spine::{Spine, SpineConfig};
use crate::store::{Document, Requester, Store, StoreConfig, StoredPatient};
use crate::synthetic::{DocumentKind, DocumentSpec, Patient, RecordSpec, RecordTruth};

/// Everybody who plays in a run, whichever variant it is of.
pub struct Ensemble {
    /// Who takes part.
    pub peers: BTreeMap<Endpoint, Box<dyn Peer>>,
    /// The people of the requesting practice.
    pub people: People,
    /// The truth about every document that the old practice holds, in the order of the plan.
    pub held: Vec<HeldDocument>,
    /// The truth about every document that it will get during the run, by the number under which
    /// [`Act::File`](gp2gp_model::plan::Act::File) names it.
    pub arriving: Vec<HeldDocument>,
    /// The truth about every record that it holds, in the order of the plan.
    pub records: Vec<(NhsNumber, RecordTruth)>,
}

impl Ensemble {
    /// The ensemble of a plan. Each defect goes to the system whose conduct it breaks.
    pub fn from_plan(plan: &Plan, sut_defects: &[Defect]) -> Result<Self, NoSuchPractice> {
        Self::with_store_at(STORE, plan, sut_defects)
    }

    /// The same, where the document store is known under this base address.
    pub fn with_store_at(
        store: &str,
        plan: &Plan,
        sut_defects: &[Defect],
    ) -> Result<Self, NoSuchPractice> {
        match (&plan.export, &plan.federation) {
            (Some(export), _) => Self::of_export(store, plan, export, sut_defects),
            (None, Some(terms)) => Self::of_federation(store, plan, terms, sut_defects),
            (None, None) => Cast::with_store_at(store, plan, sut_defects).map(Self::of_transfer),
        }
    }

    /// A transfer between practices of which some belong to a federation, and its hub.
    fn of_federation(
        store: &str,
        plan: &Plan,
        terms: &FederationTerms,
        sut_defects: &[Defect],
    ) -> Result<Self, NoSuchPractice> {
        let streams = Streams::new(plan.seed);
        let defects = hub_defects(sut_defects);
        let cast = Cast::with_store_at(store, plan, sut_defects)?;
        let requesting = member(cast.requesting, Role::Requesting, plan, terms, &defects);
        let sending = member(cast.sending, Role::Sending, plan, terms, &defects);
        let hub = Hub::new(terms.clone(), plan, streams, defects);
        Ok(Self {
            peers: BTreeMap::from([
                (Endpoint::Requesting, requesting),
                (Endpoint::Spine, boxed(cast.spine)),
                (Endpoint::Sending, sending),
                (Endpoint::Store, boxed(cast.store)),
                (Endpoint::Sds, boxed(cast.sds)),
                (Endpoint::Pds, boxed(cast.pds)),
                (Endpoint::Hub, boxed(hub)),
                (Endpoint::Clinic, boxed(Clinic::new(terms.clone(), streams))),
                (Endpoint::Mailbox, boxed(Mailbox::default())),
            ]),
            people: cast.people,
            held: cast.held,
            arriving: Vec::new(),
            records: cast.records,
        })
    }

    fn of_transfer(cast: Cast) -> Self {
        Self {
            peers: BTreeMap::from([
                (Endpoint::Requesting, boxed(cast.requesting)),
                (Endpoint::Spine, boxed(cast.spine)),
                (Endpoint::Sending, boxed(cast.sending)),
                (Endpoint::Store, boxed(cast.store)),
                (Endpoint::Sds, boxed(cast.sds)),
                (Endpoint::Pds, boxed(cast.pds)),
            ]),
            people: cast.people,
            held: cast.held,
            arriving: Vec::new(),
            records: cast.records,
        }
    }

    fn of_export(
        store: &str,
        plan: &Plan,
        export: &ExportPlan,
        sut_defects: &[Defect],
    ) -> Result<Self, NoSuchPractice> {
        let practice = identity(plan, Role::Exporting)?;
        let defects = exporting_defects(sut_defects);
        let requester = Requester {
            asid: practice.practice.asid.clone(),
            practice: plan.sending.ods.clone(),
            store: practice.practice.asid.clone(),
            base: store.to_owned(),
        };
        let holdings = holdings(plan);
        let streams = Streams::new(plan.seed);
        let mut store = self::store(store, plan, &practice, &holdings, streams);
        if defects.contains(&ExportingDefect::EverybodyMay) {
            store = store.where_everybody_may();
        }
        let held = store.documents().iter().map(held_document).collect();
        let arriving: Vec<Document> = holdings.iter().flat_map(arriving).collect();
        let office = OfficeConfig {
            practice: plan.sending.ods.clone(),
            requester: requester.clone(),
            defects: defects.clone(),
        };
        let desk = Desk::new(export.terms.clone(), requester, defects.clone());
        let clearing = ClearingHouse::new(export.processing, defects);
        Ok(Self {
            held,
            arriving: arriving.iter().map(held_document).collect(),
            records: holdings.iter().filter_map(held_record).collect(),
            people: People::default(),
            peers: BTreeMap::from([
                (Endpoint::Store, boxed(store.with_arrivals(arriving))),
                (Endpoint::Office, boxed(Office::new(office))),
                (Endpoint::Desk, boxed(desk)),
                (Endpoint::Board, boxed(Board::new(export.permission))),
                (Endpoint::ClearingHouse, boxed(clearing)),
                (Endpoint::Importing, boxed(Importing::new())),
            ]),
        })
    }
}

/// Who takes part in a run of a plan.
pub const fn endpoints(plan: &Plan) -> &'static [Endpoint] {
    match (&plan.export, &plan.federation) {
        (Some(_), _) => &[
            Endpoint::Store,
            Endpoint::Office,
            Endpoint::Desk,
            Endpoint::Board,
            Endpoint::ClearingHouse,
            Endpoint::Importing,
        ],
        (None, Some(_)) => &[
            Endpoint::Requesting,
            Endpoint::Spine,
            Endpoint::Sending,
            Endpoint::Store,
            Endpoint::Sds,
            Endpoint::Pds,
            Endpoint::Hub,
            Endpoint::Clinic,
            Endpoint::Mailbox,
        ],
        (None, None) => &[
            Endpoint::Requesting,
            Endpoint::Spine,
            Endpoint::Sending,
            Endpoint::Store,
            Endpoint::Sds,
            Endpoint::Pds,
        ],
    }
}

fn boxed(peer: impl Peer + 'static) -> Box<dyn Peer> {
    Box::new(peer)
}

/// A practice's system, and before it what it does for the hub, if it is of the federation.
fn member<S: PracticeSystem + 'static>(
    system: S,
    role: Role,
    plan: &Plan,
    terms: &FederationTerms,
    defects: &BTreeSet<HubDefect>,
) -> Box<dyn Peer> {
    match terms.member_at(Endpoint::from(role)) {
        Some(member) => boxed(MemberPractice::new(
            system,
            member.clone(),
            role,
            plan,
            Streams::new(plan.seed),
            defects.clone(),
        )),
        None => boxed(system),
    }
}

fn hub_defects(defects: &[Defect]) -> BTreeSet<HubDefect> {
    let of_hub = |defect: &Defect| match defect {
        Defect::Hub(defect) => Some(*defect),
        Defect::Requesting(_) | Defect::Sending(_) | Defect::Exporting(_) => None,
    };
    defects.iter().filter_map(of_hub).collect()
}

fn exporting_defects(defects: &[Defect]) -> Vec<ExportingDefect> {
    let of_export = |defect: &Defect| match defect {
        Defect::Exporting(defect) => Some(*defect),
        Defect::Requesting(_) | Defect::Sending(_) | Defect::Hub(_) => None,
    };
    defects.iter().filter_map(of_export).collect()
}

/// The documents of a patient that come during the run.
fn arriving(holding: &Holding) -> impl Iterator<Item = Document> {
    let coming = holding
        .documents
        .iter()
        .filter(|(plan, _)| plan.arrives.is_some());
    coming.map(|(plan, spec)| Document::new(holding.plan.nhs_number, spec.clone(), plan.missing))
}

/// Everybody who plays in a transfer.
pub struct Cast {
    /// The requesting system.
    pub requesting: Requesting,
    /// The sending system, with the records of the plan.
    pub sending: Sending,
    /// Spine, with the faults of the plan.
    pub spine: Spine,
    /// The document store of the sending practice.
    pub store: Store,
    /// The directory.
    pub sds: Sds,
    /// The demographics service.
    pub pds: Pds,
    /// The people of the requesting practice.
    pub people: People,
    /// The truth about every document that the sending practice holds, in the order of the plan.
    pub held: Vec<HeldDocument>,
    /// The truth about every record that it holds, in the order of the plan.
    pub records: Vec<(NhsNumber, RecordTruth)>,
}

/// The truth about a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldDocument {
    /// Whose.
    pub patient: NhsNumber,
    /// Its name in the store, which is not the name of a placeholder that travels in its place.
    pub file_name: String,
    /// True media type.
    pub media_type: String,
    /// Digest of its content.
    pub sha256: Sha256,
    /// Size in bytes.
    pub bytes: u64,
    /// Whether the store can deliver it.
    pub deliverable: bool,
}

/// The plan names a practice that its directory does not list.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("directory of the plan lists no practice {ods}, which is to be the {role} one")]
pub struct NoSuchPractice {
    /// The practice.
    pub ods: OdsCode,
    /// What it was to be.
    pub role: Role,
}

impl Cast {
    /// Whoever plays there, if anybody does in a transfer.
    pub fn peer_mut(&mut self, endpoint: Endpoint) -> Option<&mut dyn Peer> {
        match endpoint {
            Endpoint::Requesting => Some(&mut self.requesting),
            Endpoint::Spine => Some(&mut self.spine),
            Endpoint::Sending => Some(&mut self.sending),
            Endpoint::Store => Some(&mut self.store),
            Endpoint::Sds => Some(&mut self.sds),
            Endpoint::Pds => Some(&mut self.pds),
            Endpoint::Office
            | Endpoint::Desk
            | Endpoint::Board
            | Endpoint::ClearingHouse
            | Endpoint::Importing
            | Endpoint::Hub
            | Endpoint::Clinic
            | Endpoint::Mailbox => None,
        }
    }

    /// The cast of a plan. Each defect goes to the system whose conduct it breaks.
    pub fn from_plan(plan: &Plan, sut_defects: &[Defect]) -> Result<Self, NoSuchPractice> {
        Self::with_store_at(STORE, plan, sut_defects)
    }

    fn with_store_at(
        base: &str,
        plan: &Plan,
        sut_defects: &[Defect],
    ) -> Result<Self, NoSuchPractice> {
        let requesting = identity(plan, Role::Requesting)?;
        let sending = identity(plan, Role::Sending)?;
        let holdings = holdings(plan);
        let streams = Streams::new(plan.seed);
        let store = store(base, plan, &sending, &holdings, streams);
        let (requesting_defects, sending_defects) = sort_defects(sut_defects);
        Ok(Self {
            held: store.documents().iter().map(held_document).collect(),
            records: holdings.iter().filter_map(held_record).collect(),
            people: People::new(&plan.patients),
            spine: spine(plan, &requesting, &sending, streams),
            store,
            sds: sds(plan, streams),
            pds: pds(plan, &holdings, streams),
            requesting: Requesting::new(
                RequestingConfig {
                    identity: requesting,
                    era: plan.registry.era,
                    shares_database_with: shared_with(plan),
                    api_key: api_key(Role::Requesting).to_owned(),
                    enabled: plan.requesting.enabled,
                    version: plan.requesting.version,
                    returning: (plan.patients.iter())
                        .filter(|patient| patient.returning)
                        .map(|patient| patient.nhs_number)
                        .collect(),
                    caps: plan.caps,
                    message_ids: plan.requesting_message_ids,
                    defects: requesting_defects,
                },
                streams,
            ),
            sending: Sending::new(
                SendingConfig {
                    identity: sending,
                    manner: plan.manner,
                    api_key: api_key(Role::Sending).to_owned(),
                    enabled: plan.sending.enabled,
                    attachment_threshold: plan.sending.attachment_threshold,
                    message_limit: plan.sending.message_limit,
                    cleanup: plan.sending.cleanup,
                    store: base.to_owned(),
                    holdings,
                    defects: sending_defects,
                },
                streams,
            ),
        })
    }
}

/// The practice that has a role in a plan, and how its system writes.
pub fn identity(plan: &Plan, role: Role) -> Result<Identity, NoSuchPractice> {
    let side = side(plan, role);
    let unlisted = || (plan.directory.unlisted.iter()).find(|practice| practice.ods == side.ods);
    let practice: &Practice = (plan.directory.practice(&side.ods))
        .or_else(unlisted)
        .ok_or_else(|| NoSuchPractice {
            ods: side.ods.clone(),
            role,
        })?;
    Ok(Identity {
        practice: practice.clone(),
        dialect: side.dialect,
    })
}

const fn side(plan: &Plan, role: Role) -> &Side {
    match role {
        Role::Requesting => &plan.requesting,
        Role::Sending | Role::Exporting | Role::Hub => &plan.sending,
    }
}

fn spine(plan: &Plan, requesting: &Identity, sending: &Identity, streams: Streams) -> Spine {
    let endpoint = |identity: &Identity, at| (identity.practice.party_key.clone(), at);
    let endpoints = BTreeMap::from([
        endpoint(requesting, Endpoint::Requesting),
        endpoint(sending, Endpoint::Sending),
    ]);
    let config = SpineConfig {
        directory: plan.directory.clone(),
        endpoints,
        faults: plan.faults.clone(),
        started: plan.starts_at,
    };
    Spine::new(config, streams)
}

/// The practices whose records the requesting practice has in its own database.
pub fn shared_with(plan: &Plan) -> Vec<OdsCode> {
    let own = &plan.requesting.ods;
    let shared = plan.directory.shared_databases.iter();
    let shared = shared.filter(|practices| practices.contains(own)).flatten();
    shared
        .filter(|practice| *practice != own)
        .cloned()
        .collect()
}

fn sort_defects(defects: &[Defect]) -> (Vec<RequestingDefect>, Vec<SendingDefect>) {
    let (mut requesting, mut sending) = (Vec::new(), Vec::new());
    for defect in defects {
        match defect {
            Defect::Requesting(defect) => requesting.push(*defect),
            Defect::Sending(defect) => sending.push(*defect),
            Defect::Exporting(_) | Defect::Hub(_) => {}
        }
    }
    (requesting, sending)
}

/// What the sending practice holds. Documents are numbered through the whole plan, so that no
/// two of a run are alike.
fn holdings(plan: &Plan) -> Vec<Holding> {
    let mut number = 0_u32..;
    (plan.patients.iter())
        .map(|patient| {
            let mut documents: Vec<(DocumentPlan, DocumentSpec)> = Vec::new();
            for (document, number) in patient.documents.iter().zip(&mut number) {
                let mut spec = specified(document, plan, number);
                if let Some((_, before)) = documents.last().filter(|_| document.same_id) {
                    spec.id = before.id.clone();
                }
                documents.push((document.clone(), spec));
            }
            Holding {
                record: record(patient, plan, &documents),
                plan: patient.clone(),
                documents,
            }
        })
        .collect()
}

fn specified(document: &DocumentPlan, plan: &Plan, number: u32) -> DocumentSpec {
    let spec = match document.already_missing {
        Some(reason) => DocumentSpec::placeholder(plan.seed, number, reason_on_paper(reason)),
        None => {
            let kind = DocumentKind::from_media_type(&document.media_type);
            DocumentSpec::generate(plan.seed, number, kind, document.bytes)
                .with_media_type(&document.media_type)
        }
    };
    match &document.file_name {
        Some(file_name) => spec.with_file_name(file_name),
        None => spec,
    }
}

fn record(
    patient: &PatientPlan,
    plan: &Plan,
    documents: &[(DocumentPlan, DocumentSpec)],
) -> RecordSpec {
    RecordSpec {
        patient: Patient {
            nhs_number: patient.nhs_number,
            ..Patient::generate(plan.seed, patient.index)
        },
        practice: plan.sending.ods.clone(),
        target_bytes: patient.record_bytes,
        documents: documents.iter().map(|(_, spec)| spec.clone()).collect(),
        linked: None,
        entries: Vec::new(),
        redactions: patient.redactions,
        seed: plan.seed.wrapping_add(patient.index.into()),
        recorded_at: plan.starts_at,
    }
}

/// An empty record is none.
fn held_record(holding: &Holding) -> Option<(NhsNumber, RecordTruth)> {
    let is_held = holding.plan.held && holding.plan.record_bytes > 0;
    is_held.then(|| (holding.plan.nhs_number, holding.record.truth()))
}

/// Address of the document store in every run: nobody's, and the same in both drivers.
const STORE: &str = "https://store.invalid";

fn store(
    base: &str,
    plan: &Plan,
    sending: &Identity,
    holdings: &[Holding],
    streams: Streams,
) -> Store {
    let patients = (holdings.iter())
        .filter(|holding| holding.plan.held)
        .map(|holding| StoredPatient {
            record: holding.record.clone(),
            documents: (holding.documents.iter())
                .filter(|(plan, _)| plan.arrives.is_none())
                .map(|(plan, spec)| (spec.clone(), plan.missing))
                .collect(),
        })
        .collect();
    let config = StoreConfig {
        base: base.to_owned(),
        asid: sending.practice.asid.clone(),
        practice: plan.sending.ods.clone(),
        policy: (plan.export.as_ref()).map_or_else(DeletePolicy::default, |it| it.policy),
        patients,
        faults: plan.faults.clone(),
        started: plan.starts_at,
    };
    Store::new(config, streams)
}

fn sds(plan: &Plan, streams: Streams) -> Sds {
    let config = SdsConfig {
        directory: plan.directory.clone(),
        registry: plan.registry.clone(),
        faults: plan.faults.clone(),
        started: plan.starts_at,
    };
    Sds::new(config, streams)
}

fn pds(plan: &Plan, holdings: &[Holding], streams: Streams) -> Pds {
    let config = PdsConfig {
        records: (holdings.iter())
            .map(|holding| (holding.plan.pds.clone(), holding.record.patient.on_pds()))
            .collect(),
        registry: plan.registry.clone(),
        faults: plan.faults.clone(),
        started: plan.starts_at,
    };
    Pds::new(config, streams)
}

fn held_document(document: &Document) -> HeldDocument {
    HeldDocument {
        patient: document.patient,
        file_name: document.spec.file_name.clone(),
        media_type: document.spec.media_type.clone(),
        sha256: document.digests.sha256,
        bytes: document.spec.bytes,
        deliverable: document.missing.is_none(),
    }
}
