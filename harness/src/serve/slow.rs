//! Ways to be slow: systems that a bench has to rank, and to see through.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use gp2gp_model::Sha256;
use tokio::sync::Mutex;

/// How a served system is slow. The usual one is not.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Slowness {
    /// Waits so long, by the wall clock, before everything that it sends.
    pub before_sending: Duration,
    /// Holds one lock for so long for everything that it sends: nothing else is sent meanwhile.
    pub one_lock: Duration,
    /// With every message that comes, goes through everything again that has come in its conversation.
    pub begins_anew: bool,
}

/// One that is being slow.
#[derive(Debug, Clone, Default)]
pub(super) struct Slow {
    how: Slowness,
    lock: Arc<Mutex<()>>,
    come: BTreeMap<String, Vec<u8>>,
}

/// How often everything is gone through again: a checksum, a copy, a look for the end.
const TIMES_ANEW: u32 = 4;

impl Slow {
    pub(super) fn new(how: Slowness) -> Self {
        Self {
            how,
            ..Self::default()
        }
    }

    /// What has to pass before something is sent.
    pub(super) fn before_sending(&self) -> impl Future<Output = ()> + Send + 'static {
        let (how, lock) = (self.how, Arc::clone(&self.lock));
        async move {
            tokio::time::sleep(how.before_sending).await;
            if !how.one_lock.is_zero() {
                let _held = lock.lock().await;
                tokio::time::sleep(how.one_lock).await;
            }
        }
    }

    /// Something has come.
    pub(super) fn take(&mut self, body: &Bytes) {
        if !self.how.begins_anew {
            return;
        }
        let come = self.come.entry(conversation(body)).or_default();
        come.extend_from_slice(body);
        for _ in 0..TIMES_ANEW {
            std::hint::black_box(Sha256::of(come));
        }
    }
}

/// The text of the conversation id, wherever it stands near the beginning.
fn conversation(body: &Bytes) -> String {
    const NEAR: usize = 8_192;
    let near = String::from_utf8_lossy(body.get(..NEAR.min(body.len())).unwrap_or_default());
    let found = near.split("ConversationId>").nth(1);
    let found = found.and_then(|rest| rest.split('<').next());
    found.unwrap_or_default().to_owned()
}
