// Refreshes the page every 5 s, and shows times in the reader's time zone. Without this script, the page has a link.
"use strict";

const INTERVAL = 5000;
const main = document.getElementById("main");
const offline = document.getElementById("offline");
let failedSince = null;

// The browser knows the time zone, the server does not.
function localTimes(root) {
  for (const time of root.querySelectorAll("time")) {
    const date = new Date(time.dateTime);
    time.textContent = date.toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit" });
    time.title = date.toLocaleString();
  }
}

// Replaces the children of a part that have changed, so that what is open, focused or selected stays so.
function replace(old, fresh) {
  const open = new Set([...old.querySelectorAll("details[open]")].map((details) => details.id));
  const focused = document.activeElement && document.activeElement.closest("details[id]");
  for (const details of fresh.querySelectorAll("details")) details.open = open.has(details.id);
  old.replaceWith(fresh);
  if (focused && !focused.isConnected) {
    const again = document.getElementById(focused.id);
    if (again) again.querySelector("summary").focus({ preventScroll: true });
  }
}

function update(fresh) {
  const parts = (root) => [...root.children].map((part) => part.id).join();
  if (parts(main) !== parts(fresh)) {
    main.replaceChildren(...fresh.children);
    return;
  }
  for (const part of [...fresh.children]) {
    const old = document.getElementById(part.id);
    if (old.dataset.html !== part.outerHTML) {
      part.dataset.html = part.outerHTML;
      replace(old, part);
    }
  }
}

async function refresh() {
  const selection = document.getSelection();
  if (document.hidden || (selection && !selection.isCollapsed)) return;
  try {
    const response = await fetch(location.origin + location.pathname + location.search, {
      cache: "no-store",
      signal: AbortSignal.timeout(INTERVAL),
    });
    if (!response.ok) throw new Error("HTTP status " + response.status);
    const page = new DOMParser().parseFromString(await response.text(), "text/html");
    const fresh = page.getElementById("main");
    localTimes(fresh);
    update(fresh);
    document.title = page.title;
    failedSince = null;
    offline.hidden = true;
  } catch (error) {
    failedSince = failedSince || new Date();
    offline.textContent = "The exporter has not responded since " +
      failedSince.toLocaleTimeString("en-GB") + ": this page shows its last response.";
    offline.hidden = false;
  }
}

localTimes(document);
document.getElementById("zone").textContent = Intl.DateTimeFormat().resolvedOptions().timeZone || "local time";
document.getElementById("refresh").hidden = true;
setInterval(refresh, INTERVAL);
// The request has started a scrape if the last one was old: its result is there soon.
setTimeout(refresh, 1000);
document.addEventListener("visibilitychange", refresh);
