//! Starts a Chromium, and controls it by the DevTools protocol.

use std::{
    fs,
    io::{BufRead, BufReader, Write},
    process::{Child, Command, Stdio},
    sync::mpsc::{self, Receiver},
    thread,
    time::{Duration, Instant},
};

use serde_json::{Value as Json, json};

use crate::directory::Directory;
use crate::paths::{find, repository};

/// A headless Chromium with one tab, which the test controls by the DevTools protocol.
#[derive(Debug)]
pub struct Browser {
    process: Child,
    messages: Receiver<Json>,
    /// The id of the last command.
    command: u64,
    /// The id of the connection to the tab.
    session: String,
    complaints: Vec<String>,
    profile: Directory,
}

impl Browser {
    /// Starts Chromium with an empty profile.
    #[must_use]
    pub fn start() -> Self {
        let profile = Directory::new();
        let log =
            fs::File::create(profile.path().join(LOG)).unwrap_or_else(|e| panic!("cannot write {LOG}: {e}"));
        // Chromium reads commands from descriptor 3, writes its messages to descriptor 4, and exits if 3 is closed.
        let mut process = Command::new("sh")
            .args(["-c", r#"exec "$@" 3<&0 4>&1 </dev/null >/dev/null"#, "sh"])
            .arg(find("chromium"))
            .args([
                "--headless",
                "--remote-debugging-pipe",
                "--no-sandbox",
                "--disable-gpu",
                "--disable-quic",
            ])
            .args(["--no-first-run", "--disable-background-networking", "--disable-component-update"])
            .args(["--disable-sync", "--hide-scrollbars"])
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .unwrap_or_else(|e| panic!("cannot run sh: {e}"));
        let messages = receive(process.stdout.take());
        let session = String::new();
        let mut browser = Self { process, messages, command: 0, session, complaints: Vec::new(), profile };
        let tab = browser.call("Target.createTarget", &json!({"url": "about:blank"}));
        let attach = json!({"targetId": tab["targetId"], "flatten": true});
        let session = browser.call("Target.attachToTarget", &attach)["sessionId"].as_str().map(str::to_owned);
        browser.session = session.unwrap_or_else(|| panic!("Chromium has not attached to its tab"));
        for domain in ["Page", "Runtime", "Log"] {
            browser.call(&format!("{domain}.enable"), &json!({}));
        }
        browser
    }

    /// Loads a page in a window of this width, in a colour scheme, "light" or "dark".
    pub fn open(&mut self, url: &str, width: u32, scheme: &str) {
        let size = json!({"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": false});
        self.call("Emulation.setDeviceMetricsOverride", &size);
        let features = json!({"features": [{"name": "prefers-color-scheme", "value": scheme}]});
        self.call("Emulation.setEmulatedMedia", &features);
        let answer = self.call("Page.navigate", &json!({"url": url}));
        assert!(answer.get("errorText").is_none(), "{url}: {answer}");
        self.wait_for("the page", |message| message["method"] == "Page.loadEventFired");
    }

    /// Returns the value of a JavaScript expression; that of a promise is awaited.
    pub fn evaluate(&mut self, expression: &str) -> Json {
        let parameters = json!({"expression": expression, "returnByValue": true, "awaitPromise": true});
        let answer = self.call("Runtime.evaluate", &parameters);
        assert!(answer.get("exceptionDetails").is_none(), "{answer}");
        answer["result"]["value"].clone()
    }

    /// Returns the violations of accessibility rules that axe-core finds, one on each line.
    pub fn axe(&mut self) -> String {
        let file = repository(".run/npm/node_modules/axe-core/axe.min.js");
        let axe = fs::read_to_string(&file)
            .unwrap_or_else(|e| panic!("cannot read {}: {e}: run `make deps`", file.display()));
        self.evaluate(&format!("{axe}; undefined"));
        let found = self.evaluate(
            "axe.run(document, {resultTypes: ['violations']}).then(({violations}) => violations.flatMap(({id, nodes}) => \
             nodes.map(({html, failureSummary}) => `${id}: ${html}: ${failureSummary}`)).join('\\n'))",
        );
        found.as_str().unwrap_or_else(|| panic!("axe-core returned {found}")).to_owned()
    }

    /// Returns a screenshot of the window: PNG in Base64.
    pub fn screenshot(&mut self) -> String {
        let answer = self.call("Page.captureScreenshot", &json!({"captureBeyondViewport": true}));
        answer["data"].as_str().unwrap_or_else(|| panic!("no screenshot: {answer}")).to_owned()
    }

    /// Returns the messages on the console since the last call: messages of scripts, uncaught errors, resources that
    /// could not be loaded, violations of the Content-Security-Policy.
    pub fn complaints(&mut self) -> Vec<String> {
        std::mem::take(&mut self.complaints)
    }

    fn call(&mut self, method: &str, parameters: &Json) -> Json {
        self.command += 1;
        let id = self.command;
        let mut command = json!({"id": id, "method": method, "params": parameters});
        if !self.session.is_empty() {
            command["sessionId"] = self.session.clone().into();
        }
        let sent =
            self.process.stdin.as_mut().map(|stdin| stdin.write_all(format!("{command}\0").as_bytes()));
        assert!(matches!(sent, Some(Ok(()))), "cannot send {method} to Chromium: {sent:?}");
        let answer = self.wait_for(method, |message| message["id"] == id);
        answer.get("result").cloned().unwrap_or_else(|| panic!("{method}: {answer}"))
    }

    fn wait_for(&mut self, what: &str, is_it: impl Fn(&Json) -> bool) -> Json {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let message = self.messages.recv_timeout(left);
            let message = message.unwrap_or_else(|e| {
                let log = fs::read_to_string(self.profile.path().join(LOG)).unwrap_or_default();
                panic!("Chromium does not respond, {what}: {e}\n{log}")
            });
            let event = message["method"].as_str().unwrap_or_default();
            if ["Runtime.consoleAPICalled", "Runtime.exceptionThrown", "Log.entryAdded"].contains(&event) {
                self.complaints.push(message["params"].to_string());
            }
            if is_it(&message) {
                return message;
            }
        }
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        drop(self.process.stdin.take());
        let deadline = Instant::now() + PATIENCE;
        while matches!(self.process.try_wait(), Ok(None)) && Instant::now() < deadline {
            thread::sleep(Duration::from_millis(5));
        }
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Reads messages, each of which ends with a zero byte.
fn receive(pipe: Option<impl std::io::Read + Send + 'static>) -> Receiver<Json> {
    let (sender, receiver) = mpsc::channel();
    let pipe = pipe.unwrap_or_else(|| panic!("Chromium has no pipe"));
    thread::spawn(move || {
        let messages = BufReader::new(pipe).split(0).map_while(Result::ok);
        for message in messages.filter_map(|message| serde_json::from_slice(&message).ok()) {
            if sender.send(message).is_err() {
                break;
            }
        }
    });
    receiver
}

/// The file in the profile with Chromium's messages.
const LOG: &str = "stderr.log";
/// The time that Chromium has for each step on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);
