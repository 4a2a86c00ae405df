// The page: what its buttons do, and what it says. Sound goes up and frames come down in connection.js.

import { Connection } from "./connection.js";
import { FacePicture } from "./picture.js";
import { Loudspeaker, Microphone, microphoneTrouble } from "./sound.js";
import { Delay, Timeline } from "./timing.js";

const FRAME = "MPF1"; // float64 moment, float64 latency, JPEG
const SOUND = "MPS1"; // float64 moment of its first sample, int16 mono 16 kHz
const FOLLOW_MS = 100;
const LARGE_BYTES = 2e6;
const LARGE_SIDE = 2048;
const FULL_LEVEL = 0.25; // root mean square of loud speech

const part = (id) => document.getElementById(id);
const avatars = part("gallery").querySelectorAll("button");
const own = (path) => new URL(path, document.baseURI);

/** What this page knows of its session. */
const session = {
  connected: false,
  tried: false, // whether there was a connection, or an attempt at one
  face: false,
  started: false,
  confirmed: false, // the server has said so, too
  returning: false, // the connection is new, the page is not
  wanted: false, // whether the person at this page wants to speak: taken up again after a lost connection
  mic: document.body.dataset.mic || "browser", // or "server", "file": where the speech comes from
  elsewhere: false, // another window of this session speaks
  avatar: null, // the name of the face of the gallery that was chosen here
  choice: null, // chooses the same face again, for a server that has forgotten it
};

let microphone = null;
let loudspeaker = null;
let opening = false;
const timeline = new Timeline();
const delay = new Delay();
const picture = new FacePicture(part("face"), () => {});

// ---- what is said ----

function fail(text) {
  part("error-text").textContent = text;
  part("error").hidden = false;
}

function forgive() {
  part("error").hidden = true;
}

function mood() {
  if (!session.connected) return session.tried ? ["lost", "Not connected. Trying again…"] : ["waiting", "Connecting…"];
  if (part("stage").dataset.busy !== undefined) return ["waiting", "Looking at the face…"];
  if (opening) return ["waiting", "Asking for the microphone…"];
  if (!session.face) return ["ready", "No face yet"];
  if (!session.started) return session.elsewhere ? ["listening", "Another window speaks"] : ["ready", "Ready"];
  return ["listening", { browser: "Listening", server: "The server listens", file: "Speaking" }[session.mic] ?? "Listening"];
}

function show() {
  const [kind, word] = mood();
  part("status").dataset.mood = kind;
  // Only a change is written: screen readers read it out.
  if (part("word").textContent !== word) part("word").textContent = word;
  const speaking = session.started || session.wanted;
  // Never disabled while somebody is about to speak: a disabled button loses the keyboard's focus.
  part("toggle").disabled = !(speaking || (session.connected && session.face));
  part("toggle").classList.toggle("on", speaking);
  part("toggle-word").textContent = speaking ? "Stop" : "Start";
  part("clear").disabled = !session.face;
  part("pick-word").textContent = session.face ? "New photo" : "Choose photo";
  part("stage").dataset.shows = session.face ? "face" : "nothing";
  for (const button of avatars) button.setAttribute("aria-pressed", session.face && button.dataset.avatar === session.avatar);
  part("hear").hidden = session.mic === "server";
  part("hear-word").textContent = session.mic === "file" ? "Hear the speech" : "Hear myself";
  part("hear-why").textContent =
    session.mic === "file"
      ? "In time with the picture."
      : "In time with the picture. Use headphones: through loudspeakers the microphone would hear you twice.";
}

/** Of several faces one speaks: say so, as the others never will. */
function showFaces(count) {
  const text = count > 1 ? `${count} faces are in this photo; one of them speaks. For another one, cut the photo.` : "";
  part("note").hidden = text === "";
  if (part("note").textContent !== text) part("note").textContent = text;
}

function showFigures(stats) {
  const speaking = session.started && stats.p50_ms > 0;
  part("fps").textContent = stats.fps > 0 ? Math.round(stats.fps) : "–";
  part("p50").textContent = speaking ? `${Math.round(stats.p50_ms)} ms` : "–";
  part("p95").textContent = speaking ? `${Math.round(stats.p95_ms)} ms` : "–";
  part("dropped").textContent = stats.dropped ?? "–";
  const said = stats.said ?? "";
  part("stepped").hidden = said === "";
  if (part("stepped").textContent !== said) part("stepped").textContent = said;
}

function showLevel(samples) {
  let power = 0;
  for (const value of samples) power += (value / 32768) ** 2;
  const level = Math.min(1, Math.sqrt(power / samples.length) / FULL_LEVEL) ** 0.6;
  part("level").style.setProperty("--loudness", level.toFixed(3));
}

// ---- speech ----

function forget() {
  timeline.restart();
  delay.restart();
  picture.skip();
}

function heard(buffer) {
  const samples = new Int16Array(buffer);
  showLevel(samples);
  // A dropped packet moves everything after it: the server counts what reaches it.
  if (connection.sendSound(buffer)) timeline.heard(samples.length, performance.now());
}

async function start() {
  forgive();
  session.wanted = true;
  if (opening) return;
  if (session.mic === "browser" && microphone === null) {
    opening = true;
    show();
    try {
      microphone = await Microphone.open(own(document.body.dataset.worklet), (packet) => session.started && heard(packet), unplugged);
    } catch (error) {
      session.wanted = false;
      fail(microphoneTrouble(error));
    } finally {
      opening = false;
    }
    if (!session.wanted) {
      closeMicrophone();
      show();
      return;
    }
  }
  begin();
  show();
}

/** From here on sound counts as the new speech. */
function begin() {
  forget();
  connection.say({ type: "start" });
  session.started = session.connected;
  session.confirmed = false;
}

function stop() {
  session.wanted = false;
  connection.say({ type: "stop" });
  rest();
  show();
}

function rest() {
  session.started = session.confirmed = false;
  closeMicrophone();
  forget();
}

function closeMicrophone() {
  microphone?.close();
  microphone = null;
  part("level").style.setProperty("--loudness", 0);
}

function unplugged() {
  stop();
  fail("The microphone is gone. Plug it in or allow it again, then press Start.");
}

// ---- hearing it ----

function wantsToHear() {
  return part("hear-myself").checked && session.started && session.mic !== "server";
}

function follow() {
  const now = performance.now();
  const jumped = delay.follow(now);
  if (microphone) microphone.hearAfter(wantsToHear() ? delay.ms : null, jumped);
}

/** When a frame, decoded now, is to be seen: with its sound if that is heard, else at once. */
function dueOf(momentS) {
  const made = timeline.at(momentS);
  const now = performance.now();
  if (made === null || !session.started) return now;
  delay.note(now - made, now);
  return wantsToHear() && delay.ms !== null ? Math.min(made + delay.ms, now + 1000) : now;
}

function playSound(momentS, samples) {
  timeline.known(1000 * momentS + samples.length / 16, performance.now());
  showLevel(samples);
  if (!wantsToHear() || delay.ms === null) return;
  loudspeaker ??= new Loudspeaker();
  loudspeaker.play(samples, timeline.at(momentS) + delay.ms);
}

// ---- the face ----

let choosing = 0; // counts choices of a face: of two made quickly, the later one counts

/** Take another face; `form()` gives what the server has to know. */
async function choose(path, form, avatar) {
  const number = ++choosing;
  const speaking = session.wanted;
  if (session.started) stop(); // a new face begins at rest
  session.wanted = speaking;
  forgive();
  part("stage").dataset.busy = "";
  show();
  try {
    const answer = await fetch(own(path), { method: "POST", body: await form(), headers: { Accept: "application/json" } });
    if (!answer.ok) throw new Error(await reason(answer));
    if (number !== choosing) return;
    session.choice = () => choose(path, form, avatar);
    session.avatar = avatar;
    session.face = true;
    picture.skip();
  } catch (error) {
    if (number === choosing) fail(error instanceof TypeError ? "The server can't be reached. Try again in a moment." : error.message);
  } finally {
    if (number === choosing) {
      delete part("stage").dataset.busy;
      if (session.wanted && session.face) start();
      else session.wanted = false;
      show();
    }
  }
}

async function upload(file) {
  if (!file) return;
  await choose("upload", async () => {
    const form = new FormData();
    form.append("image", await lighter(file), file.name);
    return form;
  }, null);
  for (const input of [part("photo"), part("camera")]) input.value = "";
}

function tryOn(name) {
  const form = new FormData();
  form.append("avatar", name);
  return choose("avatar", () => form, name);
}

/** A large photo made smaller before it is sent: the server draws faces far smaller still. */
async function lighter(file) {
  if (file.size < LARGE_BYTES) return file;
  try {
    const photo = await createImageBitmap(file);
    const scale = LARGE_SIDE / Math.max(photo.width, photo.height);
    if (scale >= 1) return file;
    const canvas = document.createElement("canvas");
    canvas.width = Math.round(photo.width * scale);
    canvas.height = Math.round(photo.height * scale);
    const context = canvas.getContext("2d");
    context.imageSmoothingQuality = "high";
    context.drawImage(photo, 0, 0, canvas.width, canvas.height);
    photo.close();
    return await new Promise((done) => canvas.toBlob((blob) => done(blob ?? file), "image/jpeg", 0.92));
  } catch {
    return file; // no picture that this browser knows: the server says what is wrong with it
  }
}

async function reason(answer) {
  const text = await answer.text();
  try {
    const said = JSON.parse(text);
    return said.message ?? said.error?.message ?? text;
  } catch {
    const known = { 413: "The photo is too large for this server.", 503: "The server is busy. Try again in a moment." };
    return known[answer.status] ?? `The server answered ${answer.status}.`;
  }
}

function clear() {
  forgive();
  session.wanted = false;
  session.choice = session.avatar = null;
  connection.say({ type: "clear" });
  rest();
  session.face = false;
  picture.clear();
  showFaces(0); // at once: the server's word may take a while
  show();
}

// ---- the server's side ----

/** A refused WebSocket says nothing of why; the page's own address does, and gives whoever is new a cookie. */
async function askWhy() {
  try {
    const answer = await fetch(own("./"), { headers: { Accept: "application/json" } });
    if (!answer.ok) fail(await reason(answer));
  } catch {
    // No server at all: the status line says so.
  }
}

/** After a lost connection: go on as before. A server forgets who is gone for long, but the photo is still here. */
function comeBack() {
  session.returning = false;
  if (!session.face && session.choice) session.choice();
  else if (session.face && session.wanted) start();
  else session.wanted = false;
}

const hearsay = {
  state(message) {
    session.mic = message.mic ?? session.mic;
    const face = Boolean(message.face);
    if (session.face && !face) picture.clear();
    session.face = face;
    showFaces(face ? message.faces : 0);
    if (message.width > 0) part("stage").style.setProperty("--ratio", message.width / message.height);
    session.elsewhere = Boolean(message.speaking && message.elsewhere) && session.mic === "browser";
    const speaking = Boolean(message.speaking) && !session.elsewhere;
    if (session.confirmed && !speaking) {
      // Stopped or taken over from elsewhere: another tab of this session, or a program.
      session.wanted = false;
      rest();
    } else if (speaking && !session.started && session.mic !== "browser") {
      forget();
      session.started = true;
    }
    session.confirmed = speaking && session.started;
    if (session.returning) comeBack();
    show();
  },
  stats: showFigures,
  error(message) {
    fail(message.message);
  },
  pong() {},
};

const connection = new Connection(own("live").href.replace(/^http/, "ws"), {
  opened(again) {
    session.connected = true;
    session.returning = again;
    show();
  },
  lost(opened) {
    session.tried = true;
    session.connected = session.started = session.confirmed = false;
    forget();
    showFigures({ fps: 0, p50_ms: 0 });
    part("level").style.setProperty("--loudness", 0);
    show();
    if (!opened) askWhy();
  },
  replaced() {
    session.connected = session.wanted = false;
    rest();
    show();
    part("word").textContent = "Open elsewhere";
    fail("This page is open in several windows, and newer ones took its place. Reload it to go on here.");
  },
  message(message) {
    hearsay[message.type]?.(message);
  },
  binary(magic, momentS, view, buffer) {
    if (magic === FRAME && session.face) {
      picture.put(new Uint8Array(buffer, 20), momentS, view.getFloat64(12, true), () => dueOf(momentS));
    } else if (magic === SOUND && session.confirmed) {
      playSound(momentS, new Int16Array(buffer.slice(12)));
    }
  },
});

// ---- the person's side ----

part("toggle").addEventListener("click", () => (session.started || session.wanted ? stop() : start()));
part("clear").addEventListener("click", clear);
part("dismiss").addEventListener("click", forgive);
for (const button of avatars) button.addEventListener("click", () => tryOn(button.dataset.avatar));
for (const input of [part("photo"), part("camera")]) {
  input.addEventListener("change", () => upload(input.files[0]));
}
part("stage").addEventListener("click", () => {
  if (!session.face) part("photo").click();
});
part("hear-myself").addEventListener("change", () => {
  loudspeaker?.close();
  loudspeaker = null;
  follow();
});

let inside = 0; // entered elements less left ones, while something is dragged
addEventListener("dragenter", (event) => {
  event.preventDefault();
  inside += 1;
  part("stage").dataset.drop = "";
});
addEventListener("dragleave", () => {
  inside -= 1;
  if (inside <= 0) delete part("stage").dataset.drop;
});
addEventListener("dragover", (event) => event.preventDefault());
addEventListener("drop", (event) => {
  event.preventDefault();
  inside = 0;
  delete part("stage").dataset.drop;
  upload(event.dataTransfer.files[0]);
});
addEventListener("paste", (event) => upload(event.clipboardData?.files[0]));

// A recording is there to be heard; a microphone beside a loudspeaker would hear it again.
part("hear-myself").checked = session.mic === "file";
setInterval(follow, FOLLOW_MS);
show();
