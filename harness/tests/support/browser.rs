//! A page as a browser finds it: axe in a real Chromium, wide and narrow, light and dark.

use std::path::Path;
use std::process::Command;

/// Panics with what keeps anybody from reading the page. Says so where there is no browser to look with.
pub(crate) fn look(page: &str) {
    let project = Path::new(env!("CARGO_MANIFEST_DIR")).join("../reports/tests/axe");
    let browsers = ["/usr/bin/chromium", "/usr/bin/chromium-browser"];
    let has_browser =
        std::env::var_os("CHROMIUM").is_some() || browsers.iter().any(|it| Path::new(it).exists());
    if !has_browser || !project.join("node_modules").is_dir() {
        assert!(
            std::env::var_os("CI").is_none(),
            "no Chromium, or `npm ci` was not run in reports/tests/axe"
        );
        eprintln!(
            "notice: no Chromium, or no `npm ci` in reports/tests/axe; the page is not looked at in a browser"
        );
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("page.html");
    std::fs::write(&file, page).unwrap();
    let looked = Command::new("node")
        .arg(project.join("check.mjs"))
        .arg(&file)
        .args(std::env::var_os("GP2GP_PICTURES"))
        .output()
        .expect("node runs");
    assert!(
        looked.status.success(),
        "{}\n{}",
        String::from_utf8_lossy(&looked.stdout),
        String::from_utf8_lossy(&looked.stderr)
    );
}
