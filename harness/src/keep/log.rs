//! Writing `run.jsonl` while the run goes on: what ended is there, whatever becomes of the rest.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use gp2gp_model::run_log::{KeptScenario, Line, RunHead, RunLog};
use gp2gp_model::{ScenarioId, Sha256};
use serde::Serialize;

use super::{BASELINE_FILE, EARLIER_FILE, RUN_FILE, TRACE_FILE, folder_of};

/// Writes what comes of a run, from any thread.
#[derive(Debug)]
pub struct RunWriter {
    out: PathBuf,
    head: RunHead,
    file: Mutex<File>,
    kept: Mutex<Vec<KeptScenario>>,
}

impl RunWriter {
    /// Begins the file anew; what an earlier run was compared with goes.
    pub fn begin(out: &Path, head: RunHead) -> io::Result<Self> {
        fs::create_dir_all(out)?;
        for beside in [EARLIER_FILE, BASELINE_FILE] {
            match fs::remove_file(out.join(beside)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                Ok(()) | Err(_) => {}
            }
        }
        let mut file = File::create(out.join(RUN_FILE))?;
        write_line(&mut file, &Line::Run(Box::new(head.clone())))?;
        Ok(Self {
            out: out.to_owned(),
            head,
            file: Mutex::new(file),
            kept: Mutex::new(Vec::new()),
        })
    }

    /// Adds what came of a scenario, whose trace is kept already.
    pub fn add(&self, kept: &KeptScenario) -> io::Result<()> {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        write_line(&mut file, &Line::Scenario(Box::new(kept.clone())))?;
        let mut all = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        all.push(kept.clone());
        Ok(())
    }

    /// Ends the file: scenarios in the order of the suite, so that it is the same however many ran side by side.
    pub fn end(self) -> io::Result<RunLog> {
        let mut scenarios = self
            .kept
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner);
        scenarios.sort_by_key(|kept| kept.position);
        let log = RunLog {
            head: self.head,
            scenarios,
            is_whole: true,
        };
        let whole = self.out.join(format!("{RUN_FILE}.new"));
        fs::write(&whole, log.to_json_lines()?)?;
        fs::rename(&whole, self.out.join(RUN_FILE))?;
        Ok(log)
    }

    /// Digest of the trace of a scenario, which is kept already.
    pub fn trace_digest(&self, scenario: &ScenarioId) -> io::Result<Sha256> {
        digest_of_file(&folder_of(&self.out, scenario).join(TRACE_FILE))
    }
}

/// Digest of a file of any size.
pub(super) fn digest_of_file(path: &Path) -> io::Result<Sha256> {
    let mut hasher = Sha256::hasher();
    let mut file = File::open(path)?;
    let mut piece = vec![0; 64 * 1024];
    loop {
        match io::Read::read(&mut file, &mut piece)? {
            0 => return Ok(hasher.finish().0),
            read => hasher.update(piece.get(..read).unwrap_or_default()),
        }
    }
}

fn write_line(to: &mut File, line: &impl Serialize) -> io::Result<()> {
    let mut text = serde_json::to_vec(line)?;
    text.push(b'\n');
    to.write_all(&text)
}
