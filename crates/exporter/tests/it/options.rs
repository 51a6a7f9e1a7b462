use crate::support::web::Directory;
use crate::support::{Exporter, UNREACHABLE, command, run, samples};
use fake_kamailio::Fake;
use std::fs;
use std::process::Command;
use std::time::SystemTime;

/// Standard output, standard error and exit code.
fn output(mut command: Command) -> (String, String, Option<i32>) {
    let output = command.output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (text(output.stdout), text(output.stderr), output.status.code())
}

#[test]
fn variables_separate_values_by_commas_and_the_command_line_does_not() {
    let fake = Fake::start();
    let names = |variable: &str, arguments: &[&str]| {
        let mut command = command();
        command.args(["once", "-u", &fake.unix()]).args(arguments);
        command.env("KAMAILIO_EXPORTER_COLLECTOR_DISPATCHER_MAPPING", variable);
        let (page, log, code) = output(command);
        assert_eq!((code, log.as_str()), (Some(0), ""));
        let lines = page.lines().filter(|line| line.starts_with("kamailio_dispatcher_set_info{"));
        lines.map(|line| line.split('{').nth(1).unwrap().to_owned()).collect::<Vec<_>>()
    };
    let plain = ["name=\"north\",setid=\"3\"} 1", "name=\"south\",setid=\"4\"} 1"];
    let sorted = |names: Vec<String>| {
        let swap = |line: &String| {
            let (labels, value) = line.split_once('}').unwrap();
            let mut labels: Vec<_> = labels.split("\",").map(|label| label.trim_end_matches('"')).collect();
            labels.sort_unstable();
            format!("{}\"}}{value}", labels.join("\","))
        };
        names.iter().map(swap).collect::<Vec<_>>()
    };
    assert_eq!(sorted(names("3:north, 4:south", &[])), plain);
    assert_eq!(sorted(names(r"3:Acme\, Inc", &[])), ["name=\"Acme, Inc\",setid=\"3\"} 1"]);
    let given = ["--collector.dispatcher.mapping=3:a,4:b"];
    assert_eq!(sorted(names("3:north, 4:south", &given)), ["name=\"a,4:b\",setid=\"3\"} 1"]);
    assert_eq!(names("3:north", &["--collector.dispatcher.mapping="]), [""; 0]);
    assert_eq!(names("", &[]), [""; 0]);

    let mut process = command();
    process.env("KAMAILIO_EXPORTER_PROBE_ALLOW", "unix:/run/x,tcp:nowhere");
    assert!(output(process).1.contains("--probe.allow \"tcp:nowhere\": it has no port"));
    let mut process = command();
    process.env("KAMAILIO_EXPORTER_WEB_LISTEN_ADDRESS", "127.0.0.1:0,nowhere");
    assert!(output(process).1.contains("--web.listen-address \"nowhere\""));
}

#[test]
fn unknown_variables_are_warnings_with_the_nearest_name() {
    let mut process = command();
    process
        .args(["once", "-u", "unix:/nonexistent/kamailio_ctl"])
        .env("KAMAILIO_EXPORTER_KAMAILIO_SCRAPE_URL", "tcp:h:1")
        .env("KAMAILIO_EXPORTER_VERSION", "9")
        .env("KAMAILIO_EXPORTER_SERVICE_HOST", "10.0.0.1")
        .env("KAMAILIO_EXPORTER_PORT_9494_TCP", "tcp://10.0.0.1:9494")
        .env("KAMAILIO_EXPORTER_WEB_CONFIG_FILE", "of another command")
        .env("KAMAILIO_EXPORTER_FORMAT", "openmetrics");
    let (_, log, _) = output(process);
    let warnings: Vec<_> = log.lines().filter(|line| line.contains("unknown environment variable")).collect();
    assert_eq!(warnings.len(), 2, "{log}");
    let nearest =
        "KAMAILIO_EXPORTER_KAMAILIO_SCRAPE_URL, did you mean KAMAILIO_EXPORTER_KAMAILIO_SCRAPE_URI?";
    assert!(warnings.iter().any(|line| line.contains(nearest)), "{log}");
    assert!(warnings.iter().any(|line| line.contains("KAMAILIO_EXPORTER_FORMAT")), "{log}");
}

#[test]
fn the_variable_of_a_format_names_the_command() {
    let fake = Fake::start();
    for (arguments, part) in [
        (&["once", "-u", &fake.unix()][..], "# EOF\n"),
        (&["call", "-u", &fake.unix(), "core.uptime"], "{\"type\":\"reply\""),
    ] {
        let mut process = command();
        process
            .args(arguments)
            .env("KAMAILIO_EXPORTER_ONCE_FORMAT", "openmetrics")
            .env("KAMAILIO_EXPORTER_CALL_FORMAT", "json");
        let (page, log, code) = output(process);
        assert!(page.contains(part) && code == Some(0), "{page}{log}");
    }
}

#[test]
fn the_log_names_target_and_methods_at_the_start() {
    let exporter = Exporter::start(&[&UNREACHABLE[..], &["-m", "tm.stats,core.uptime"]].concat());
    let log = exporter.log();
    assert!(log.contains("target=unix:/nonexistent/kamailio_ctl methods=tm.stats,core.uptime"), "{log}");
}

#[test]
fn the_web_configuration_file_can_be_checked_alone() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("web.yml");
    let check = || run(&["--web.config.check", "--web.config.file", file.to_str().unwrap()]);
    fs::write(&file, "http_server_config:\n  http2: false\n").unwrap();
    let valid = check();
    assert_eq!(valid.status.code(), Some(0), "{valid:?}");
    assert_eq!(String::from_utf8(valid.stdout).unwrap(), format!("{} is valid\n", file.display()));
    for (text, part) in [
        ("tls_server_config:\n  cert_file: none.pem\n  key_file: none.key\n", "none.pem"),
        ("http_server_confg: {}\n", "http_server_confg"),
    ] {
        fs::write(&file, text).unwrap();
        let invalid = check();
        let log = String::from_utf8(invalid.stderr).unwrap();
        assert_eq!((invalid.status.code(), invalid.stdout.as_slice()), (Some(1), &b""[..]), "{log}");
        let names_file =
            log.contains(file.to_str().unwrap()) || log.contains(directory.path().to_str().unwrap());
        assert!(log.contains(part) && names_file, "{log}");
    }
}

#[test]
fn arguments_of_call_are_not_read_from_files() {
    let fake = Fake::start();
    let output = run(&["call", "-u", &fake.unix(), "core.printi", "@/etc/passwd"]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(fake.calls(), ["core.printi @/etc/passwd"]);
}

#[test]
fn sets_with_names_join_their_destinations() {
    let fake = Fake::start();
    let names =
        ["--collector.dispatcher.mapping", "0:carriers", "--collector.dispatcher.mapping", "1:media servers"];
    let exporter = Exporter::start(&[&["-u", &*fake.unix()], &names[..]].concat());
    let page = samples(&exporter.exposition());
    assert_eq!(page["kamailio_dispatcher_set_info{name=\"media servers\",setid=\"1\"}"], 1.0);
    assert!(
        page.keys()
            .any(|series| series.starts_with("kamailio_dispatcher_list_target{")
                && series.contains("setid=\"1\"")),
        "{page:?}"
    );
}

#[test]
fn labels_are_added_to_every_series() {
    let fake = Fake::start();
    let labels = ["--label", "site=Ústí, 2", "--label=setid=none"];
    let uri = fake.unix();
    let common = [&["-u", &*uri, "--collector.dispatcher.mapping=1:a"], &labels[..]].concat();
    let once = run(&[&["once"], &common[..]].concat());
    let log = String::from_utf8(once.stderr).unwrap();
    assert_eq!(log.matches("label of --label not added to samples that have their own").count(), 1, "{log}");
    let exporter = Exporter::start(&common);
    let kept = |page: &str| {
        let line =
            page.lines().find(|line| line.starts_with("kamailio_exporter_kept_labels_total{")).unwrap();
        line.rsplit(' ').next().unwrap().parse::<usize>().unwrap()
    };
    let clashes = |page: &str| {
        page.lines().filter(|line| line.contains("setid=\"") && !line.contains("setid=\"none\"")).count()
    };
    let page = String::from_utf8_lossy(&once.stdout).into_owned();
    assert!(clashes(&page) > 3);
    assert_eq!(kept(&page), clashes(&page), "once has only one exposition to count them in");
    let pages: Vec<_> = (0..3).map(|_| exporter.exposition()).collect();
    assert_eq!(
        pages.iter().map(|page| kept(page)).collect::<Vec<_>>(),
        [0, clashes(&page), 2 * clashes(&page)]
    );
    for page in [String::from_utf8(once.stdout).unwrap(), exporter.exposition()] {
        let lines: Vec<_> = page.lines().filter(|line| !line.starts_with('#')).collect();
        assert!(lines.len() > 100 && lines.iter().all(|line| line.contains("{site=\"Ústí, 2\"")), "{page}");
        assert!(page.contains("kamailio_up{site=\"Ústí, 2\",setid=\"none\"} 1"), "{page}");
        assert!(page.contains("setid=\"1\"") && !page.contains("setid=\"none\",setid="), "{page}");
    }
    for (label, message) in [
        ("--label=x", "--label \"x\" must have the form NAME=VALUE"),
        ("--label=9x=1", "--label: \"9x\" is not a label name"),
        ("--label=__x=1", "--label: the label __x is reserved"),
    ] {
        let log = String::from_utf8(run(&["once", label]).stderr).unwrap();
        assert!(log.contains(message), "{log}");
    }
}

#[test]
fn certificates_of_kamailio_are_read_from_the_files_that_the_operator_names() {
    let directory = Directory::new();
    directory.self_signed("kamailio", &["sip.example.org"]);
    let file = directory.path("kamailio.pem").display().to_string();
    let missing = directory.path("missing.pem").display().to_string();
    let arguments = ["-m", "tm.stats", "--kamailio.tls-certificates", &file];
    let fake = Fake::start();
    for (uri, up) in [(fake.unix(), 1.0), ("unix:/nonexistent/kamailio_ctl".to_owned(), 0.0)] {
        let exporter = Exporter::start(&[&["-u", &uri], &arguments[..]].concat());
        let page = samples(&exporter.exposition());
        assert_eq!(page["kamailio_up"], up);
        let series =
            format!("kamailio_tls_certificate_not_after_timestamp_seconds{{file=\"{file}\",subject=");
        let expiries: Vec<_> = page.iter().filter(|(name, _)| name.starts_with(&series)).collect();
        let now = SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs_f64();
        assert!(expiries.len() == 1 && *expiries[0].1 > now, "{expiries:?}");
        assert_eq!(page["kamailio_scrape_collector_success{collector=\"tls.certificates\"}"], 1.0);
    }
    let exporter = Exporter::start(
        &[&["-u", &fake.unix()], &arguments[..], &["--kamailio.tls-certificates", &missing]].concat(),
    );
    let page = samples(&exporter.exposition());
    assert_eq!(page["kamailio_scrape_collector_success{collector=\"tls.certificates\"}"], 0.0);
    assert!(
        page.keys().any(|name| name.contains("not_after_timestamp_seconds{")),
        "the other file is served"
    );
    exporter.wait_for_log("missing.pem: No such file");
}
