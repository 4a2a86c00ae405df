// The WebSocket: opened again whenever it drops, and never allowed to pile up sound.

const FIRST_WAIT_MS = 500;
const MOST_WAIT_MS = 8000;
const REPLACED = 4000; // the server's close code: newer windows of the same session took this one's place
const SILENT_MS = 8000; // the server tells how it goes every second: who says nothing for so long isn't there
const WATCH_MS = 1000;
const MOST_QUEUED = 32000; // bytes: a second of sound

export class Connection {
  /** `on`: functions opened(again), lost(everOpen), replaced(), message(object), binary(magic, momentS, DataView, ArrayBuffer). */
  constructor(url, on) {
    this.url = url;
    this.on = on;
    this.wait = FIRST_WAIT_MS;
    this.before = false;
    this.timer = null;
    addEventListener("online", () => this.hurry());
    document.addEventListener("visibilitychange", () => this.hurry());
    addEventListener("pagehide", () => this.socket?.close());
    setInterval(() => this.watch(), WATCH_MS);
    this.open();
  }

  get ready() {
    return this.socket?.readyState === WebSocket.OPEN;
  }

  open() {
    this.timer = null;
    const socket = new WebSocket(this.url);
    this.socket = socket;
    this.toldAt = performance.now();
    socket.binaryType = "arraybuffer";
    let opened = false;
    socket.onopen = () => {
      opened = true;
      this.toldAt = performance.now();
      this.on.opened(this.before);
      this.before = true;
    };
    socket.onmessage = (event) => {
      this.toldAt = performance.now();
      this.wait = FIRST_WAIT_MS;
      this.take(event.data);
    };
    socket.onclose = (event) => {
      if (this.socket !== socket) return;
      if (event.code === REPLACED) {
        this.socket = null;
        this.on.replaced();
        return;
      }
      this.dropped(opened);
    };
  }

  dropped(opened) {
    this.on.lost(opened);
    this.timer = setTimeout(() => this.open(), this.wait * (0.8 + 0.4 * Math.random()));
    this.wait = Math.min(2 * this.wait, MOST_WAIT_MS);
  }

  /** Give a connection up that is one no more: after a sleep, or where the network is gone, browsers don't notice for minutes. */
  watch() {
    const socket = this.socket;
    if (!socket || socket.readyState > WebSocket.OPEN || performance.now() - this.toldAt < SILENT_MS) return;
    const opened = socket.readyState === WebSocket.OPEN;
    this.socket = null; // what it still says is no longer heard
    socket.onmessage = socket.onopen = socket.onclose = null;
    socket.close();
    this.dropped(opened);
  }

  hurry() {
    if (this.timer === null || document.hidden) return;
    clearTimeout(this.timer);
    this.open();
  }

  take(data) {
    if (typeof data === "string") {
      this.on.message(JSON.parse(data));
      return;
    }
    if (data.byteLength < 12) return;
    const view = new DataView(data);
    const magic = String.fromCharCode(view.getUint8(0), view.getUint8(1), view.getUint8(2), view.getUint8(3));
    this.on.binary(magic, view.getFloat64(4, true), view, data);
  }

  say(message) {
    if (this.ready) this.socket.send(JSON.stringify(message));
  }

  /** Send sound; false where it was dropped, as the network is slower than speech. */
  sendSound(packet) {
    if (!this.ready || this.socket.bufferedAmount > MOST_QUEUED) return false;
    this.socket.send(packet);
    return true;
  }
}
