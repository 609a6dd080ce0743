"use strict";

// The token is a secret. It stands after "#", which browsers send to nobody, and goes to the app in bodies only.
const token = location.hash.slice(1);
const address = location.pathname.replace(/\/+$/, "");
const element = (id) => document.getElementById(id);

async function post(path, fields) {
  const answer = await fetch(address + path, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ token, ...fields }),
    cache: "no-store",
  });
  return { status: answer.status, body: await answer.json() };
}

function time(text) {
  return `${text.slice(0, 10)} ${text.slice(11, 16)} UTC`;
}

// What cannot be seen comes as its number; all else is text and never HTML.
function fill(id, parts) {
  element(id).replaceChildren(
    ...parts.map((part) => {
      if (typeof part === "string") return part;
      const mark = document.createElement("mark");
      mark.textContent = part.mark;
      return mark;
    }),
  );
}

function say(title, message) {
  element("review").hidden = true;
  document.title = title;
  element("title").textContent = title;
  element("message").textContent = message;
}

function refuse({ status, body }) {
  const titles = { 403: "This link is not valid", 410: "This link is no longer valid" };
  say(titles[status] ?? "Nothing was decided", body.detail);
}

function showOutcome({ decision, request }) {
  const verdict = decision.approved ? "approved" : "rejected";
  const who = decision.reviewer ? ` by ${decision.reviewer}` : "";
  const when = decision.decided_at ? ` on ${time(decision.decided_at)}` : "";
  const text = `This draft was ${verdict}${who}${when}.`;
  if (decision.settled) say(`The draft was ${verdict}`, text);
  else if (request)
    say("Your approval was counted", `${text} It needs ${request.required_approvals} approvals; others have still to decide.`);
  else say("Your approval was counted", `${text} That was not enough: not all who were needed decided in time.`);
}

function showDraft({ run, reviewer, request, draft }) {
  say("A draft waits for your decision", "");
  const again = request.escalated ? "Nobody decided on this draft in time, so it comes to you. " : "";
  const count = draft.invisible_characters;
  element("warning").hidden = count === 0;
  element("warning").textContent =
    count === 0
      ? ""
      : `This draft has ${count} ${count === 1 ? "character" : "characters"} that cannot be seen, shown by number: U+….`;
  element("intro").textContent = `${again}Read the draft, then approve or reject it. What you decide is final.`;
  element("asked-by").textContent = run;
  element("reviewer").textContent = reviewer ?? "whoever has this link";
  element("attempt").textContent = `number ${request.attempt}`;
  element("expires").textContent = time(request.expires_at);
  element("expires").dateTime = request.expires_at;
  element("approvals").textContent = `${request.approvals} of ${request.required_approvals}`;
  fill("draft-title", draft.title);
  fill("draft-content", draft.content);
  element("review").hidden = false;
}

async function load() {
  if (!token) return say("This link is not valid", "It has nothing after “#”. Copy it whole from the message you got.");
  element("message").textContent = "Loading the draft …";
  const answer = await post("", {});
  if (answer.status !== 200) refuse(answer);
  else if (answer.body.decision) showOutcome(answer.body);
  else showDraft(answer.body);
}

async function decide(event) {
  event.preventDefault();
  const buttons = element("decision").querySelectorAll("button");
  buttons.forEach((button) => (button.disabled = true));
  try {
    const feedback = element("feedback").value.trim() || null;
    const answer = await post("/decision", { approved: event.submitter.value === "approve", feedback });
    if (answer.status === 200) await load();
    else if (answer.status === 202)
      say("Your decision was received", "It is about to take effect. Load the page again to see what came of it.");
    else refuse(answer);
    element("title").focus();
  } catch {
    element("message").textContent = "The app cannot be reached, so it is not known whether you have decided. Try again.";
    buttons.forEach((button) => (button.disabled = false));
  }
}

element("decision").addEventListener("submit", decide);
addEventListener("hashchange", () => location.reload());
load().catch(() => say("The app cannot be reached", "Load the page again in a moment."));
