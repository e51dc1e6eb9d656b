//! Message handling server: what both practice systems share. Who a practice is on Spine, how it
//! heads its messages, how it gets them to Spine ([`Outbox`]), what it does with what Spine
//! brings ([`Inbox`]), and how it asks the directories ([`national`], [`AddressLookup`]).

mod addresses;
mod enquiries;
#[cfg(test)]
pub(crate) mod fixture;
mod inbox;
pub mod national;
mod outbox;
#[cfg(test)]
mod tests;
pub mod version;

use std::str::FromStr;
use std::time::Duration;

use gp2gp_model::directory::{Contract, Directory, Practice};
use gp2gp_model::{
    Asid, ConversationId, EbxmlMessageId, Hl7MessageId, Interaction, PartyKey, Time, interaction,
};
use gp2gp_sim::Ids;
use gp2gp_wire::Dialect;
use gp2gp_wire::ebxml::{AckRequested, Header};
use gp2gp_wire::hl7::{Payload, Wrapper};
use gp2gp_wire::message::Received;

pub use addresses::{AddressLookup, Found, NoAddress};
pub use enquiries::{Enquiries, Unanswered};
pub(crate) use inbox::Carelessness;
pub use inbox::{Inbound, Inbox};
pub use outbox::{GaveUp, IN_FLIGHT, MESSAGE_PATH, Outbox, Outcome, QUICK_PAUSE, QUICK_REPEATS};

/// `versionCode/@code` of every message that a practice system writes (spec 10).
pub const VERSION_CODE: &str = "V3NPfIT3.1.10";

/// Who a practice system is, and how it writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// Its practice, with its addresses.
    pub practice: Practice,
    /// Its supplier's way of writing.
    pub dialect: Dialect,
}

/// Where a message goes: the party key routes ebXML, the ASID routes HL7.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// For `eb:To`.
    pub party_key: PartyKey,
    /// For `communicationFunctionRcv`.
    pub asid: Asid,
}

/// SDS has no contract for this recipient and interaction, so there is no CPA id to send under.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("sds: no contract of {party_key} for {interaction}")]
pub struct NoContract {
    /// The recipient.
    pub party_key: PartyKey,
    /// The interaction.
    pub interaction: Interaction,
}

impl Identity {
    /// The transmission wrapper of a message to `to`.
    pub fn wrapper(
        &self,
        now: Time,
        to: &Address,
        interaction: Interaction,
        id: Hl7MessageId,
    ) -> Wrapper {
        Wrapper {
            id,
            creation_time: now.to_hl7(),
            version_code: VERSION_CODE.to_owned(),
            root: interaction.id().to_owned(),
            interaction_id: interaction.id().to_owned(),
            recipient: to.asid.clone(),
            sender: self.practice.asid.clone(),
            author: Some(self.practice.asid.clone()),
        }
    }

    /// The ebXML header of a message with this payload, under the recipient's contract.
    pub fn header(
        &self,
        directory: &Directory,
        now: Time,
        to: &Address,
        payload: &Payload,
        conversation: ConversationId,
        message_id: EbxmlMessageId,
    ) -> Result<Header, NoContract> {
        let contract = contract(directory, &to.party_key, payload.interaction())?;
        let time_to_live = self.dialect.time_to_live(payload.kind());
        Ok(self.header_under(contract, now, time_to_live, conversation, message_id))
    }

    /// The ebXML header of a message under this contract.
    pub(crate) fn header_under(
        &self,
        contract: &Contract,
        now: Time,
        time_to_live: Option<Duration>,
        conversation: ConversationId,
        message_id: EbxmlMessageId,
    ) -> Header {
        let timestamp = now.to_whole_second();
        Header {
            from: self.practice.party_key.clone(),
            to: contract.party_key.clone(),
            cpa_id: contract.cpa_id.clone(),
            conversation_id: conversation,
            service: interaction::SERVICE.to_owned(),
            action: contract.interaction.id().to_owned(),
            message_id,
            timestamp,
            time_to_live: time_to_live.map(|after| timestamp + after),
            ref_to_message_id: None,
            duplicate_elimination: true,
            ack_requested: Some(AckRequested::next_msh()),
            sync_reply: None,
        }
    }
}

/// The contract under which a party takes an interaction.
pub(crate) fn contract<'a>(
    directory: &'a Directory,
    party_key: &PartyKey,
    interaction: Interaction,
) -> Result<&'a Contract, NoContract> {
    directory
        .contract(party_key, interaction)
        .ok_or_else(|| NoContract {
            party_key: party_key.clone(),
            interaction,
        })
}

impl Address {
    /// Where a received message came from: answers go there, whatever the directory says today
    /// (RCV-55).
    pub fn of_sender(received: &Received, wrapper: &Wrapper) -> Self {
        Self {
            party_key: received.header.from.clone(),
            asid: wrapper.sender.clone(),
        }
    }
}

impl From<&Practice> for Address {
    fn from(practice: &Practice) -> Self {
        Self {
            party_key: practice.party_key.clone(),
            asid: practice.asid.clone(),
        }
    }
}

/// A fresh message id.
pub fn next_message_id(ids: &mut Ids) -> EbxmlMessageId {
    next_id(ids)
}

/// A fresh id of any kind that is a UUID.
pub fn next_id<I: FromStr>(ids: &mut Ids) -> I {
    loop {
        // A UUID always parses: the loop runs once.
        if let Ok(id) = ids.next_uuid().parse() {
            return id;
        }
    }
}
