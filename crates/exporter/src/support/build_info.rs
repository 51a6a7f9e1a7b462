//! What this build is: version, commit, compiler, platform.

/// The version, as in `VERSION`.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
/// The commit, or `unknown` where the source was not a git checkout.
pub const REVISION: &str = env!("BUILD_REVISION");
/// The branch, or `unknown`.
pub const BRANCH: &str = env!("BUILD_BRANCH");
/// The compiler, as it prints its own version.
pub const COMPILER: &str = env!("BUILD_RUSTC");
/// The operating system, as Go and so every exporter's `goos` label names it.
pub const OS: &str = std::env::consts::OS;
/// The processor, as Go and so every exporter's `goarch` label names it.
pub const ARCHITECTURE: &str = match std::env::consts::ARCH.as_bytes() {
    b"x86_64" => "amd64",
    b"aarch64" => "arm64",
    b"x86" => "386",
    _ => std::env::consts::ARCH,
};

/// What `--version` prints.
pub fn version_text() -> String {
    format!(
        "kamailio_exporter, version {VERSION} (branch: {BRANCH}, revision: {REVISION})\n  \
         rust version:     {COMPILER}\n  platform:         {OS}/{ARCHITECTURE}\n  target:           {}\n",
        env!("BUILD_TARGET")
    )
}

/// `(version=…, branch=…, revision=…)`, as exporters show it on their page and in their log.
pub fn info() -> String {
    format!("(version={VERSION}, branch={BRANCH}, revision={REVISION})")
}

/// `(rust=…, platform=…)`, the same for the build.
pub fn context() -> String {
    format!("(rust={COMPILER}, platform={OS}/{ARCHITECTURE})")
}
