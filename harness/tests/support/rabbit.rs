//! A RabbitMQ of our own on loopback, for as long as a test holds it.

use std::fs;
use std::io;
use std::net::TcpListener;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use gp2gp::sut::amqp::Broker;
use gp2gp::sut::certs::Certificates;
use gp2gp_model::Time;
use tempfile::TempDir;

/// Where Debian and the vendor put the server. The one on the path changes its user, and with it
/// the rights to our folders.
const SERVERS: [&str; 2] = [
    "/usr/lib/rabbitmq/bin/rabbitmq-server",
    "/opt/rabbitmq/sbin/rabbitmq-server",
];
/// Its user, and the password of that.
pub(crate) const LOGIN: (&str, &str) = ("gp2gp", "of this test");
/// A cold start on a busy machine takes half of it.
const STARTS_WITHIN: Duration = Duration::from_secs(90);

const PAUSE: Duration = Duration::from_millis(200);

/// The broker. Dropping it stops it, and leaves nothing behind.
pub(crate) struct Rabbit {
    folder: TempDir,
    ports: Ports,
    port_mapper: Child,
    server: Mutex<Option<Child>>,
}

#[derive(Clone, Copy)]
struct Ports {
    amqp: u16,
    tls: u16,
    distribution: u16,
    mapper: u16,
}

static SHARED: Mutex<Weak<Rabbit>> = Mutex::new(Weak::new());

/// The broker that the tests of this binary share while they run. `None`, with a notice, where no
/// RabbitMQ is installed; where `CI` is set that is an error.
pub(crate) fn shared() -> Option<Arc<Rabbit>> {
    let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(running) = shared.upgrade() {
        return Some(running);
    }
    let started = Arc::new(own()?);
    *shared = Arc::downgrade(&started);
    Some(started)
}

/// A broker for one test alone, which may do to it what it likes.
pub(crate) fn own() -> Option<Rabbit> {
    let server = SERVERS.iter().map(Path::new).find(|path| path.exists());
    if server.is_none() {
        assert!(
            std::env::var_os("CI").is_none(),
            "no RabbitMQ is installed: apt-get install --no-install-recommends rabbitmq-server"
        );
        eprintln!("notice: no RabbitMQ is installed; this test of the AMQP queue is skipped");
    }
    Some(Rabbit::start(server?))
}

impl Rabbit {
    /// A port that was free may be somebody's by the time the server wants it: then with others.
    fn start(server: &Path) -> Self {
        const TRIES: usize = 5;
        let mut tries = (0..TRIES).map(|_| Self::with_free_ports(server));
        tries.find_map(Result::ok).unwrap_or_else(|| {
            let last = Self::with_free_ports(server);
            last.unwrap_or_else(|output| panic!("the broker does not start:\n{output}"))
        })
    }

    fn with_free_ports(server: &Path) -> Result<Self, String> {
        let folder = tempfile::tempdir().expect("a folder for the broker");
        let ports = Ports {
            amqp: free_port(),
            tls: free_port(),
            distribution: free_port(),
            mapper: free_port(),
        };
        configure(folder.path(), ports).expect("the configuration of the broker");
        let port_mapper = Command::new("epmd")
            .args(["-port", &ports.mapper.to_string(), "-address", "127.0.0.1"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("epmd, which comes with RabbitMQ");
        let rabbit = Self {
            server: Mutex::new(None),
            folder,
            ports,
            port_mapper,
        };
        rabbit.start_server(server).map(|()| rabbit)
    }

    /// As its user would connect.
    pub(crate) fn broker(&self) -> Broker {
        Broker::new("127.0.0.1", self.ports.amqp).with_login(LOGIN.0, LOGIN.1)
    }

    /// Its port for AMQP.
    pub(crate) fn port(&self) -> u16 {
        self.ports.amqp
    }

    /// Its port for AMQP over mutual TLS.
    pub(crate) fn tls_port(&self) -> u16 {
        self.ports.tls
    }

    /// The file with the password of its user.
    pub(crate) fn password(&self) -> std::path::PathBuf {
        self.folder.path().join("password")
    }

    /// The folder of its certificates, as `gp2gp init --certs` makes them: it shows that of a system, and wants
    /// one of the same authority.
    pub(crate) fn certificates(&self) -> std::path::PathBuf {
        self.folder.path().join("certificates")
    }

    /// Takes it down as a power cut does. What is durable stays.
    pub(crate) fn kill(&self) {
        let mut server = self.server.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(mut running) = server.take() {
            // The server is a script that starts another process: both are of one group.
            let group = format!("-{}", running.id());
            let _ = Command::new("kill").args(["-9", "--", &group]).status();
            let _ = running.wait();
        }
    }

    /// Brings it back after [`Rabbit::kill`], on the same port.
    pub(crate) fn restart(&self) {
        let server = SERVERS.iter().map(Path::new).find(|path| path.exists());
        let started = self.start_server(server.expect("it was there"));
        started.expect("the broker starts again");
    }

    /// What the server says, where it does not start.
    fn start_server(&self, server: &Path) -> Result<(), String> {
        let folder = self.folder.path();
        let output = fs::File::create(folder.join("output")).expect("a file for its output");
        let child = Command::new(server)
            .envs(environment(folder, self.ports))
            .current_dir(folder)
            .stdout(output.try_clone().expect("the same file"))
            .stderr(output)
            .process_group(0)
            .spawn()
            .expect("the server starts");
        *self.server.lock().unwrap_or_else(PoisonError::into_inner) = Some(child);
        // A thread of its own, because the caller may be in the middle of something asynchronous.
        std::thread::scope(|scope| scope.spawn(|| self.wait_until_ready()).join())
            .expect("the waiting ends")
    }

    fn wait_until_ready(&self) -> Result<(), String> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime");
        let tries = STARTS_WITHIN.as_millis() / PAUSE.as_millis();
        for _ in 0..tries {
            // It listens before it lets anybody in.
            if runtime.block_on(self.broker().probe()).is_ok() {
                return Ok(());
            }
            if self.has_ended() {
                return Err(self.output());
            }
            std::thread::sleep(PAUSE);
        }
        Err(self.output())
    }

    fn has_ended(&self) -> bool {
        let mut server = self.server.lock().unwrap_or_else(PoisonError::into_inner);
        server
            .as_mut()
            .is_none_or(|server| !matches!(server.try_wait(), Ok(None)))
    }

    fn output(&self) -> String {
        fs::read_to_string(self.folder.path().join("output")).unwrap_or_default()
    }
}

impl Drop for Rabbit {
    fn drop(&mut self) {
        self.kill();
        let _ = self.port_mapper.kill();
        let _ = self.port_mapper.wait();
    }
}

/// A set of certificates of its own, for both sides.
pub(crate) fn write_certificates(folder: &Path) {
    let now = std::time::UNIX_EPOCH.elapsed().expect("a clock");
    let now = Time::from_micros(u64::try_from(now.as_micros()).expect("this age"));
    let made = Certificates::make(&[], now).expect("certificates");
    made.write(folder, true).expect("files for them");
}

fn configure(folder: &Path, ports: Ports) -> io::Result<()> {
    for name in ["mnesia", "log", "home", "generated", "plugins"] {
        fs::create_dir(folder.join(name))?;
    }
    fs::write(folder.join("enabled_plugins"), "[rabbitmq_amqp1_0].\n")?;
    fs::write(folder.join("env.conf"), "")?;
    let certificates = folder.join("certificates");
    write_certificates(&certificates);
    fs::write(folder.join("password"), LOGIN.1)?;
    let definitions = folder.join("definitions.json");
    fs::write(&definitions, DEFINITIONS)?;
    fs::write(
        folder.join("rabbitmq.conf"),
        format!(
            "listeners.tcp.1 = 127.0.0.1:{}\nload_definitions = {}\n\
             listeners.ssl.1 = 127.0.0.1:{}\nssl_options.cacertfile = {certificates}/ca.pem\n\
             ssl_options.certfile = {certificates}/sut.pem\n\
             ssl_options.keyfile = {certificates}/sut.key\n\
             ssl_options.verify = verify_peer\nssl_options.fail_if_no_peer_cert = true\n\
             vm_memory_high_watermark.absolute = 1GB\ndisk_free_limit.absolute = 10MB\n",
            ports.amqp,
            definitions.display(),
            ports.tls,
            certificates = certificates.display(),
        ),
    )
}

/// What is there from the beginning: a user, and a queue that survives the broker.
const DEFINITIONS: &str = r#"{
    "rabbit_version": "3.10.0",
    "users": [
        {"name": "gp2gp", "password": "of this test", "tags": "administrator"},
        {"name": "nobody", "password": "of this test", "tags": ""}
    ],
    "vhosts": [{"name": "/"}],
    "permissions": [
        {"user": "gp2gp", "vhost": "/", "configure": ".*", "write": ".*", "read": ".*"},
        {"user": "nobody", "vhost": "/", "configure": "^$", "write": "^$", "read": "^$"}
    ],
    "queues": [
        {"name": "durable", "vhost": "/", "durable": true, "auto_delete": false, "arguments": {}}
    ]
}"#;

fn environment(folder: &Path, ports: Ports) -> Vec<(&'static str, String)> {
    let path = |name: &str| folder.join(name).display().to_string();
    vec![
        ("HOME", path("home")),
        ("ERL_CRASH_DUMP", path("crash")),
        ("ERL_EPMD_PORT", ports.mapper.to_string()),
        ("ERL_EPMD_ADDRESS", "127.0.0.1".to_owned()),
        (
            "RABBITMQ_NODENAME",
            format!("gp2gp-{}@localhost", ports.amqp),
        ),
        ("RABBITMQ_DIST_PORT", ports.distribution.to_string()),
        ("RABBITMQ_MNESIA_BASE", path("mnesia")),
        ("RABBITMQ_LOG_BASE", path("log")),
        ("RABBITMQ_ENABLED_PLUGINS_FILE", path("enabled_plugins")),
        ("RABBITMQ_CONF_ENV_FILE", path("env.conf")),
        ("RABBITMQ_CONFIG_FILE", path("rabbitmq.conf")),
        ("RABBITMQ_GENERATED_CONFIG_DIR", path("generated")),
        ("RABBITMQ_PLUGINS_EXPAND_DIR", path("plugins")),
        ("RABBITMQ_PID_FILE", path("pid")),
        (
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS",
            "-kernel inet_dist_use_interface {127,0,0,1}".to_owned(),
        ),
    ]
}

/// Free a moment ago: the system gives the same one out again only after a while.
fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("its number").port()
}
