//! Certificates for a run over mutual TLS: an authority that is forgotten at once, and one
//! certificate for each side.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use gp2gp_model::Time;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, KeyUsagePurpose, date_time_ymd,
};

/// By these a machine reaches itself.
const OWN_NAMES: [&str; 3] = ["localhost", "127.0.0.1", "::1"];

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// How long the certificates are good for, in days.
const DAYS: u32 = 365;

/// The files, in the order in which they are written.
pub const FILES: [&str; 5] = ["ca.pem", "harness.pem", "harness.key", "sut.pem", "sut.key"];

/// Texts of the files.
#[derive(Debug)]
pub struct Certificates([(&'static str, String); 5]);

/// Certificates could not be made or written.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum CertsError {
    /// No host can have this name.
    #[error("`{name}` cannot be a name in a certificate: {source}")]
    Name {
        /// The name.
        name: String,
        /// Why not.
        source: rcgen::Error,
    },
    /// Cryptography failed.
    #[error("no certificate could be made: {0}")]
    Making(#[from] rcgen::Error),
    /// There are files of these names.
    #[error("{} is there already", path.display())]
    #[diagnostic(help(
        "give another folder, or --force to make all five anew: then both sides need the new ones"
    ))]
    Exists {
        /// The first of them.
        path: PathBuf,
    },
    /// A file could not be written.
    #[error("cannot write {}: {source}", path.display())]
    Unwritable {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl Certificates {
    /// Both certificates are good from today for a year, for this machine and for these hosts, as
    /// that of a server and as that of a client.
    pub fn make(hosts: &[String], now: Time) -> Result<Self, CertsError> {
        let authority = authority(now)?;
        let side = |name: &str| side(name, hosts, &authority, now);
        let (harness, harness_key) = side("gp2gp harness")?;
        let (sut, sut_key) = side("system under test")?;
        let [
            ca_file,
            harness_file,
            harness_key_file,
            sut_file,
            sut_key_file,
        ] = FILES;
        Ok(Self([
            (ca_file, authority.pem()),
            (harness_file, harness),
            (harness_key_file, harness_key),
            (sut_file, sut),
            (sut_key_file, sut_key),
        ]))
    }

    /// Writes the files into a folder, none where one of them is there already. Keys are for their owner's eyes only.
    pub fn write(&self, folder: &Path, overwrite: bool) -> Result<(), CertsError> {
        let unwritable = |path: &Path, source| CertsError::Unwritable {
            path: path.to_owned(),
            source,
        };
        fs::create_dir_all(folder).map_err(|source| unwritable(folder, source))?;
        let mut there = Vec::new();
        for name in FILES {
            let path = folder.join(name);
            let exists = path.try_exists();
            if exists.map_err(|source| unwritable(&path, source))? {
                there.push(path);
            }
        }
        if let (Some(path), false) = (there.first(), overwrite) {
            let path = path.clone();
            return Err(CertsError::Exists { path });
        }
        for path in there {
            fs::remove_file(&path).map_err(|source| unwritable(&path, source))?;
        }
        for (name, text) in &self.0 {
            let path = folder.join(name);
            write_new(&path, text).map_err(|source| unwritable(&path, source))?;
        }
        Ok(())
    }
}

fn write_new(path: &Path, text: &str) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    if path.extension().is_some_and(|extension| extension == "key") {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600);
    }
    options.open(path)?.write_all(text.as_bytes())
}

/// Its key is never written: whoever has it could play anybody.
fn authority(now: Time) -> Result<CertifiedIssuer<'static, KeyPair>, CertsError> {
    let mut params = named("gp2gp certificate authority", &[], now)?;
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    Ok(CertifiedIssuer::self_signed(params, KeyPair::generate()?)?)
}

/// PEM of a certificate and of its key.
fn side(
    name: &str,
    hosts: &[String],
    authority: &CertifiedIssuer<'_, KeyPair>,
    now: Time,
) -> Result<(String, String), CertsError> {
    let own = OWN_NAMES.map(str::to_owned);
    let names: Vec<String> = own.into_iter().chain(hosts.iter().cloned()).collect();
    let mut params = named(name, &names, now)?;
    params.use_authority_key_identifier_extension = true;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![
        ExtendedKeyUsagePurpose::ServerAuth,
        ExtendedKeyUsagePurpose::ClientAuth,
    ];
    let key = KeyPair::generate()?;
    let certificate = params.signed_by(&key, authority)?;
    Ok((certificate.pem(), key.serialize_pem()))
}

fn named(common_name: &str, hosts: &[String], now: Time) -> Result<CertificateParams, CertsError> {
    for host in hosts {
        CertificateParams::new([host.clone()]).map_err(|source| CertsError::Name {
            name: host.clone(),
            source,
        })?;
    }
    let mut params = CertificateParams::new(hosts)?;
    params
        .distinguished_name
        .push(DnType::CommonName, common_name);
    // The other side's clock may be somewhat behind.
    let now = date_time_ymd(1970, 1, 1) + Duration::from_micros(now.as_micros());
    params.not_before = now - DAY;
    params.not_after = now + DAY * DAYS;
    Ok(params)
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use bytes::Bytes;
    use gp2gp_mocks::peer::{Conduct, HttpRequest, HttpResponse};
    use gp2gp_mocks::serve::{
        Answered, Authority, Base, Cause, Client, Flaw, Guard, Identity, Incoming, Objection,
        Security, Trust, ask, serve_guarded,
    };
    use gp2gp_model::http::{Headers, Method};
    use gp2gp_model::trace::Endpoint;
    use tokio::sync::mpsc;

    use super::*;

    fn now() -> Time {
        let now = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap();
        Time::from_micros(now.as_micros() as u64)
    }

    fn written(hosts: &[&str], made: Time) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let hosts: Vec<String> = hosts.iter().map(ToString::to_string).collect();
        let certificates = Certificates::make(&hosts, made).unwrap();
        certificates.write(folder.path(), false).unwrap();
        folder
    }

    fn authority(folder: &tempfile::TempDir) -> Authority {
        Authority::from_pem(&fs::read(folder.path().join("ca.pem")).unwrap()).unwrap()
    }

    fn identity(folder: &tempfile::TempDir, name: &str) -> Identity {
        let read = |kind: &str| fs::read(folder.path().join(format!("{name}.{kind}"))).unwrap();
        Identity::from_pem(&read("pem"), &read("key")).unwrap()
    }

    /// What a client of one set gets from a server of the other over mutual TLS.
    async fn asked(
        client: &tempfile::TempDir,
        server: &tempfile::TempDir,
        host: &str,
    ) -> Result<u16, Cause> {
        let guard = Guard::mutual(&identity(server, "sut"), &authority(server)).unwrap();
        let (sender, mut incoming) = mpsc::channel::<Incoming>(1);
        let addr = (Ipv4Addr::LOCALHOST, 0).into();
        let server = serve_guarded(addr, Endpoint::Sending, Security::Tls(guard), sender);
        let server = server.await.unwrap();
        tokio::spawn(async move {
            while let Some(arrived) = incoming.recv().await {
                let response = HttpResponse {
                    status: 202,
                    content_type: None,
                    headers: Headers::new(),
                    body: Bytes::new(),
                };
                let conduct = Conduct::Clean;
                drop(arrived.answer.send(Answered { response, conduct }));
            }
        });
        let trust = Trust::new(&authority(client), Some(&identity(client, "harness")));
        let client = Client::with_patience(Duration::from_secs(5)).trusting(trust.unwrap());
        let base: Base = format!("https://{host}:{}", server.addr().port())
            .parse()
            .unwrap();
        let request = HttpRequest {
            method: Method::Get,
            path: "/".to_owned(),
            soap_action: None,
            content_type: String::new(),
            headers: Headers::new(),
            body: Bytes::new(),
        };
        let answer = ask(&client, &base, request, Conduct::Clean).await;
        answer.map(|answer| answer.status)
    }

    #[tokio::test]
    async fn both_sides_of_one_set_know_each_other_by_every_name_of_the_machine() {
        let set = written(&[], now());
        for host in ["localhost", "127.0.0.1"] {
            assert_eq!(asked(&set, &set, host).await, Ok(202), "{host}");
        }
    }

    #[tokio::test]
    async fn two_sets_are_strangers_to_each_other() {
        let (one, other) = (written(&[], now()), written(&[], now()));
        let answer = asked(&one, &other, "localhost").await;
        assert_eq!(answer, Err(Cause::Certificate(Flaw::BadSignature)));
        let mixed = written(&[], now());
        fs::copy(other.path().join("ca.pem"), mixed.path().join("ca.pem")).unwrap();
        let answer = asked(&mixed, &other, "localhost").await;
        assert_eq!(answer, Err(Cause::TurnedDown(Objection::BadSignature)));
    }

    #[test]
    fn they_are_good_for_a_year_and_for_named_hosts() {
        let set = written(&["gp.example"], now());
        let (ca, sut) = (authority(&set), identity(&set, "sut"));
        let verified = |host, days: u32| sut.verified(&ca, host, DAY * days);
        assert_eq!(verified("gp.example", 0), Ok(()));
        assert_eq!(verified("::1", 364), Ok(()));
        assert_eq!(verified("localhost", 366), Err(Flaw::Expired));
        let elsewhere = verified("other.example", 0);
        assert!(matches!(elsewhere, Err(Flaw::Name { .. })), "{elsewhere:?}");
    }

    #[test]
    fn nothing_is_overwritten_unless_it_is_meant() {
        let set = written(&[], now());
        let again = Certificates::make(&[], now()).unwrap();
        let before = fs::read(set.path().join("ca.pem")).unwrap();
        let refused = again.write(set.path(), false).unwrap_err();
        let path = set.path().join("ca.pem");
        assert_eq!(
            refused.to_string(),
            format!("{} is there already", path.display())
        );
        assert_eq!(fs::read(&path).unwrap(), before);
        again.write(set.path(), true).unwrap();
        assert_ne!(fs::read(&path).unwrap(), before);
    }

    #[test]
    fn no_key_of_the_authority_is_left_behind() {
        let set = written(&[], now());
        let mut names: Vec<_> = fs::read_dir(set.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        let mut expected = FILES.to_vec();
        expected.sort_unstable();
        assert_eq!(names, expected);
        let ca = fs::read_to_string(set.path().join("ca.pem")).unwrap();
        assert!(!ca.contains("PRIVATE KEY"));
    }

    #[cfg(unix)]
    #[test]
    fn keys_are_for_their_owner_alone() {
        use std::os::unix::fs::PermissionsExt as _;
        let set = written(&[], now());
        Certificates::make(&[], now())
            .unwrap()
            .write(set.path(), true)
            .unwrap();
        for name in ["harness.key", "sut.key"] {
            let mode = fs::metadata(set.path().join(name)).unwrap().permissions();
            assert_eq!(mode.mode() & 0o777, 0o600, "{name}");
        }
    }

    #[test]
    fn a_name_that_no_host_can_have_is_refused() {
        let error = Certificates::make(&["übel".to_owned()], now()).unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with("`übel` cannot be a name in a certificate")
        );
    }
}
