//! Reloading the web configuration by a request or a signal. What a reload does is tested in the toolkit.

use crate::support::web::{Directory, basic, hash};
use crate::support::{Exporter, UNREACHABLE, eventually, run, samples};

fn start(file: &str, more: &[&str]) -> Exporter {
    Exporter::start(&[&["--web.config.file", file, UNREACHABLE[0], UNREACHABLE[1]], more].concat())
}

fn successful(exporter: &Exporter, user: &str, password: &str) -> (f64, f64) {
    let page = exporter.request("GET", "/metrics", &[("Authorization", &basic(user, password))]);
    assert_eq!(page.status, 200);
    let page = samples(&page.text());
    (
        page["kamailio_exporter_web_config_last_reload_successful"],
        page["kamailio_exporter_web_config_last_reload_success_timestamp_seconds"],
    )
}

#[test]
fn reload_on_request_is_off_unless_it_is_switched_on() {
    let directory = Directory::new();
    let file = directory.write("web.yml", "");
    let exporter = start(&file, &[]);
    let answer = exporter.request("POST", "/-/reload", &[]);
    assert_eq!(answer.status, 403);
    assert!(answer.text().contains("--web.enable-lifecycle"), "{}", answer.text());

    let exporter = start(&file, &["--web.enable-lifecycle"]);
    let answer = exporter.get("/-/reload");
    assert_eq!((answer.status, answer.text().as_str()), (405, "This endpoint requires a POST request.\n"));
    assert_eq!(exporter.request("POST", "/-/reload", &[]).status, 200);
    directory.write("web.yml", "nope: 1\n");
    let answer = exporter.request("POST", "/-/reload", &[]);
    assert_eq!(answer.status, 500);
    assert!(
        answer.text().contains("failed to reload config: ")
            && answer.text().contains("line 1: there is no key")
    );
}

#[test]
fn a_signal_reads_the_file_again() {
    let directory = Directory::new();
    let file = directory.write("web.yml", &format!("basic_auth_users: {{a: {}}}\n", hash("1")));
    let exporter = start(&file, &[]);
    let before = successful(&exporter, "a", "1").1;
    exporter.signal("HUP");
    eventually(|| {
        let (ok, time) = successful(&exporter, "a", "1");
        if ok == 1.0 && time > before { Ok(()) } else { Err(format!("{ok} {time} after {before}")) }
    });
}

#[test]
fn a_failed_reload_is_a_metric() {
    let directory = Directory::new();
    let file = directory.write("web.yml", &format!("basic_auth_users: {{a: {}}}\n", hash("1")));
    let exporter = start(&file, &[]);
    assert_eq!(successful(&exporter, "a", "1").0, 1.0);
    directory.write("web.yml", "");
    assert_eq!(successful(&exporter, "a", "1").0, 0.0);
    exporter.wait_for_log("basic_auth_users would be removed");
}

#[test]
fn a_web_configuration_file_that_becomes_a_pipe_does_not_stop_sigterm() {
    let directory = Directory::new();
    let file = directory.write("web.yml", &format!("basic_auth_users: {{a: {}}}\n", hash("1")));
    let mut exporter = start(&file, &[]);
    std::fs::remove_file(&file).unwrap();
    assert!(std::process::Command::new("mkfifo").arg(&file).status().unwrap().success());
    assert_eq!(successful(&exporter, "a", "1").0, 0.0);
    exporter.wait_for_log("web.yml: not a regular file");
    exporter.signal("HUP");
    exporter.signal("TERM");
    assert_eq!(exporter.wait(), Some(0));
}

#[test]
fn argument_files_that_are_pipes_or_endless_are_refused() {
    let directory = Directory::new();
    let pipe = directory.path("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    for (file, reason) in
        [(pipe.display().to_string(), "not a regular file"), ("/dev/zero".into(), "not a regular")]
    {
        let output = run(&[&format!("@{file}")]);
        let log = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.code() == Some(1) && log.contains(reason), "{log}");
    }
}
