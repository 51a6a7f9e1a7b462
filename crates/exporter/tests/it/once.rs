use crate::support::{Exporter, UNREACHABLE, command, run, samples};
use fake_kamailio::Fake;
use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs::{self, File, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

/// Standard output, exit code, and standard error.
fn ended(output: Output) -> (String, Option<i32>, String) {
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (text(output.stdout), output.status.code(), text(output.stderr))
}

fn once(arguments: &[&str]) -> (String, Option<i32>, String) {
    ended(run(&[&["once"], arguments].concat()))
}

/// Runs `once` from a shell, after the commands in `before`.
fn once_after(before: &str, arguments: &[&str]) -> (String, Option<i32>, String) {
    let mut shell = Command::new("sh");
    shell.args([
        "-c",
        &format!("{before}\nexec \"$@\""),
        "sh",
        env!("CARGO_BIN_EXE_kamailio_exporter"),
        "once",
    ]);
    ended(shell.args(arguments).output().unwrap())
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

fn names(directory: &Path) -> Vec<String> {
    let names = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().file_name());
    names.map(|name| name.into_string().unwrap()).collect()
}

#[test]
fn the_exposition_is_that_of_the_server_without_process_metrics() {
    let fake = Fake::start();
    let (page, code, log) = once(&["-u", &fake.unix()]);
    assert_eq!((code, log.as_str()), (Some(0), ""), "without problems there is no output for cron to mail");
    let printed: BTreeSet<_> = samples(&page).into_keys().collect();
    let served = samples(&Exporter::start(&["-u", &fake.unix()]).exposition());
    let served: BTreeSet<_> = served.into_keys().filter(|name| !name.starts_with("process_")).collect();
    assert!(printed.len() > 100, "{page}");
    let only_one_has: Vec<_> = printed.symmetric_difference(&served).collect();
    assert!(only_one_has.is_empty(), "{only_one_has:?}");

    let (page, code, _) = once(&["-u", &fake.unix(), "--format", "openmetrics"]);
    assert_eq!(code, Some(0));
    assert!(
        page.ends_with("\n# EOF\n") && page.contains("# TYPE kamailio_sl_stats_codes counter\n"),
        "{page}"
    );
}

#[test]
fn an_unreachable_kamailio_is_up_0_and_exit_code_1() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("kamailio.prom");
    let (page, code, log) = once(&UNREACHABLE);
    assert_eq!((code, samples(&page)["kamailio_up"]), (Some(1), 0.0));
    assert!(log.contains("There is no directory /nonexistent"), "{log}");

    let output = file.to_str().unwrap();
    let (page, code, log) = once(&[&UNREACHABLE[..], &["-o", output]].concat());
    assert_eq!((page.as_str(), code), ("", Some(1)));
    assert_eq!(samples(&fs::read_to_string(&file).unwrap())["kamailio_up"], 0.0, "{log}");
}

#[test]
fn a_failed_write_to_standard_output_is_reported() {
    let closed = || {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        Stdio::from(writer)
    };
    for (output, reason) in [
        (Stdio::from(File::create("/dev/full").unwrap()), "No space left on device"),
        (closed(), "Broken pipe"),
    ] {
        let fake = Fake::start();
        let child =
            command().args(["once", "-u", &fake.unix()]).stdout(output).stderr(Stdio::piped()).spawn();
        let (_, code, log) = ended(child.unwrap().wait_with_output().unwrap());
        assert_eq!(code, Some(1));
        let sentence = format!("error=\"cannot write to standard output: {reason}");
        assert!(log.contains(&sentence) && log.lines().count() == 1, "{log}");
    }
}

#[test]
fn a_file_is_replaced_and_never_modified() {
    let (fake, directory) = (Fake::start(), tempfile::tempdir().unwrap());
    let (file, old) = (directory.path().join("kamailio.prom"), directory.path().join("old"));
    let arguments = ["-u", &fake.unix(), "--output", file.to_str().unwrap()];
    let (page, code, log) = once_after("umask 077", &arguments);
    assert_eq!((page.as_str(), code, log.as_str()), ("", Some(0), ""));
    assert_eq!(samples(&fs::read_to_string(&file).unwrap())["kamailio_up"], 1.0);
    assert_eq!(mode(&file), 0o644, "node_exporter is another user");

    fs::write(&file, "the old content").unwrap();
    fs::set_permissions(&file, Permissions::from_mode(0o640)).unwrap();
    fs::hard_link(&file, &old).unwrap();
    assert_eq!(once(&arguments).1, Some(0));
    assert!(
        fs::read_to_string(&old).unwrap() == "the old content",
        "a process that has the old file open still reads the old content"
    );
    assert_eq!(samples(&fs::read_to_string(&file).unwrap())["kamailio_up"], 1.0);
    assert_eq!(mode(&file), 0o640, "the mode is kept");
    assert_eq!(names(directory.path()).len(), 2, "{:?}", names(directory.path()));
}

#[test]
fn a_file_name_is_relative_to_the_working_directory() {
    let (fake, directory) = (Fake::start(), tempfile::tempdir().unwrap());
    let output =
        command().args(["once", "-u", &fake.unix(), "-o", "x.prom"]).current_dir(&directory).output();
    assert_eq!(output.unwrap().status.code(), Some(0));
    assert_eq!(names(directory.path()), ["x.prom"]);
}

#[test]
fn a_file_that_cannot_be_replaced_is_left_unchanged() {
    let (fake, directory) = (Fake::start(), tempfile::tempdir().unwrap());
    let file = directory.path().join("kamailio.prom");
    fs::write(&file, "the old content").unwrap();
    let arguments = ["-u", &fake.unix(), "-o", file.to_str().unwrap()];
    let stays = |(page, code, log): (String, Option<i32>, String), reason: &str| {
        assert_eq!((page.as_str(), code), ("", Some(1)));
        let sentence = format!("error=\"cannot replace {}: {reason}", file.display());
        assert!(log.contains(&sentence) && log.lines().count() == 1, "{log}");
        assert!(fs::read_to_string(&file).unwrap() == "the old content");
        assert_eq!(names(directory.path()), ["kamailio.prom"]);
    };
    // Like a full disk: part of the file is written, then writing fails.
    stays(once_after("trap '' XFSZ; ulimit -f 8", &arguments), "File too large");

    fs::set_permissions(&directory, Permissions::from_mode(0o555)).unwrap();
    let mut command = command();
    if rustix::process::geteuid().is_root() {
        // Root without the capability to ignore modes.
        let program = command.get_program().to_owned();
        command = Command::new("setpriv");
        command.arg("--bounding-set=-dac_override").arg(program);
    }
    let output = command.arg("once").args(arguments).output().unwrap();
    let reason = format!(
        "Permission denied (os error 13); allow this user to create files in the directory {}",
        directory.path().display()
    );
    stays(ended(output), &reason);
    fs::set_permissions(&directory, Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn only_regular_files_are_replaced() {
    let directory = tempfile::tempdir().unwrap();
    let (link, target) = (directory.path().join("link.prom"), directory.path().join("target"));
    fs::write(&target, "").unwrap();
    std::os::unix::fs::symlink(&target, &link).unwrap();
    let fake = Fake::start();
    for path in [link.as_os_str(), OsStr::new("/dev/null"), directory.path().as_os_str()] {
        let path = path.to_str().unwrap();
        let (_, code, log) = once(&["-u", &fake.unix(), "-o", path]);
        assert_eq!(code, Some(1));
        assert!(log.contains(&format!("{path} is not a regular file, so it is not replaced")), "{log}");
    }
    assert!(link.is_symlink());
    let (_, code, log) = once(&["-u", &fake.unix(), "-o", "/nonexistent/directory/x.prom"]);
    assert_eq!(code, Some(1));
    assert!(log.contains("create the directory /nonexistent/directory"), "{log}");
}

#[test]
fn an_unknown_format_is_a_usage_error() {
    let (page, code, log) = once(&["--format", "json"]);
    assert_eq!((page.as_str(), code), ("", Some(1)));
    assert_eq!(
        log,
        "kamailio_exporter: error: unrecognized format json; expected text or openmetrics, try --help\n"
    );
}
