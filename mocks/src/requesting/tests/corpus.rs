//! A real transfer, published as raw requests: `shared/corpus` beside the repository.

use std::path::{Path, PathBuf};

use gp2gp_wire::recording;

use super::super::assembly::Assembly;
use super::super::broken::Flaws;
use super::super::ceiling::Ceiling;
use super::super::part::parts;
use super::*;

/// Beginnings of the digests of its documents, in the order of the core's manifest.
const DOCUMENTS: [&str; 4] = [
    "45c73a2fac9f",
    "3ddf9be5c28f",
    "e125a9852f94",
    "53a5d36e734a",
];

#[test]
fn a_recorded_large_transfer_is_put_together_whatever_the_order() {
    let Some(folder) = corpus() else {
        eprintln!("skipped: no corpus beside the repository");
        return;
    };
    let mut core = None;
    let mut fragments = Vec::new();
    for received in recorded(&folder.join("large-message-1")) {
        match received.payload().unwrap() {
            Payload::EhrExtract(extract) => core = Some((received, extract)),
            Payload::Fragment(_) => fragments.push(received),
            Payload::EhrRequest(_) | Payload::Continue(_) | Payload::Acknowledgement(_) => {}
        }
    }
    let (core, extract) = core.unwrap();
    for order in permutations(fragments.len()).into_iter().step_by(7) {
        let inline = parts(core.attachments.clone());
        let mut assembly = Assembly::begin(
            &extract,
            &core.payload_xml,
            inline,
            Ceiling {
                caps: Caps::default(),
                sender: extract.author.clone(),
                conversation: core.header.conversation_id.clone(),
            },
            Spool::new(),
            &Flaws::new(&[]),
        )
        .unwrap();
        for at in &order {
            assert!(assembly.finish().is_none());
            let fragment = fragments[*at].clone();
            let mid = fragment.header.message_id;
            assembly.take(mid, parts(fragment.attachments)).unwrap();
        }
        let record = assembly.finish().unwrap();
        let documents: Vec<_> = record
            .iter()
            .skip(1)
            .map(|stored| stored.sha256.short())
            .collect();
        assert_eq!(documents, DOCUMENTS, "{order:?}");
        assert_eq!(record[4].media_type, "video/mpeg");
    }
}

fn recorded(folder: &Path) -> Vec<Received> {
    let files = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let messages = files.map(|file| {
        let bytes = std::fs::read(&file).unwrap().into();
        recording::read(&bytes).unwrap().received
    });
    messages.collect()
}

fn corpus() -> Option<PathBuf> {
    if let Some(shared) = std::env::var_os("GP2GP_SHARED") {
        return Some(PathBuf::from(shared).join("corpus"));
    }
    let folders = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors();
    let mut beside = folders.map(|folder| folder.join("shared/corpus"));
    beside.find(|folder| folder.is_dir())
}
