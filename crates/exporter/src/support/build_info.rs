//! Information about this build: version, commit, compiler, platform.

/// The version, as in the file `VERSION`.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
/// The commit, or `unknown` if the source was not a git checkout.
pub const REVISION: &str = env!("BUILD_REVISION");
/// The branch, or `unknown`.
pub const BRANCH: &str = env!("BUILD_BRANCH");
/// The version that the compiler prints.
pub const COMPILER: &str = env!("BUILD_RUSTC");
/// The operating system, by the name that Go uses, for the label `goos`.
pub const OS: &str = std::env::consts::OS;
/// The processor architecture, by the name that Go uses, for the label `goarch`.
pub const ARCHITECTURE: &str = match std::env::consts::ARCH.as_bytes() {
    b"x86_64" => "amd64",
    b"aarch64" => "arm64",
    b"x86" => "386",
    _ => std::env::consts::ARCH,
};

/// Returns the output of `--version`.
pub fn version_text() -> String {
    format!(
        "kamailio_exporter, version {VERSION} (branch: {BRANCH}, revision: {REVISION})\n  \
         rust version:     {COMPILER}\n  platform:         {OS}/{ARCHITECTURE}\n  target:           {}\n",
        env!("BUILD_TARGET")
    )
}

/// Returns `(version=…, branch=…, revision=…)`, as exporters show it on the status page and in the log.
pub fn info() -> String {
    format!("(version={VERSION}, branch={BRANCH}, revision={REVISION})")
}

/// Returns `(rust=…, platform=…)`, as exporters show it in the log.
pub fn context() -> String {
    format!("(rust={COMPILER}, platform={OS}/{ARCHITECTURE})")
}
