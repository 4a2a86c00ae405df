// Frames as they come from the server: decoded, held until their sound is due, drawn.

const MOST_DECODING = 2;
const MOST_WAITING = 60;

export class FacePicture {
  /** `drawn(momentS, latencyS)` is called after each frame on the canvas. */
  constructor(canvas, drawn) {
    this.canvas = canvas;
    this.context = canvas.getContext("2d", { alpha: false });
    this.drawn = drawn;
    this.decoding = 0;
    this.waiting = []; // {bitmap, momentS, latencyS, due}, in the order in which they came
    this.asked = false;
    this.epoch = 0;
    this.came = 0;
    this.newest = 0; // of those decoded: decoding may end in another order
    this.count = 0;
  }

  /** Take a frame's JPEG; `dueOf()` is asked, once it is decoded, when (performance.now()) it shall be seen. */
  async put(jpeg, momentS, latencyS, dueOf) {
    if (document.hidden || this.decoding >= MOST_DECODING) return;
    this.decoding += 1;
    const epoch = this.epoch;
    const number = ++this.came;
    try {
      const bitmap = await createImageBitmap(new Blob([jpeg], { type: "image/jpeg" }));
      if (epoch !== this.epoch || number < this.newest || this.waiting.length >= MOST_WAITING) {
        bitmap.close();
      } else {
        this.newest = number;
        this.waiting.push({ bitmap, momentS, latencyS, due: dueOf() });
      }
    } catch {
      // A damaged frame is left out; the next one comes soon.
    } finally {
      this.decoding -= 1;
    }
    this.ask();
  }

  ask() {
    if (this.asked || this.waiting.length === 0) return;
    this.asked = true;
    requestAnimationFrame((now) => this.draw(now));
  }

  draw(now) {
    this.asked = false;
    let frame = null;
    // The newest that is due; those that it overtook are not shown.
    while (this.waiting.length > 0 && this.waiting[0].due <= now + 4) {
      frame?.bitmap.close();
      frame = this.waiting.shift();
    }
    if (frame) this.show(frame);
    this.ask();
  }

  show({ bitmap, momentS, latencyS }) {
    const { canvas } = this;
    if (canvas.width !== bitmap.width || canvas.height !== bitmap.height) {
      canvas.width = bitmap.width;
      canvas.height = bitmap.height;
    }
    this.context.drawImage(bitmap, 0, 0);
    bitmap.close();
    this.count += 1;
    canvas.dataset.moment = momentS;
    canvas.dataset.latency = latencyS;
    canvas.dataset.frames = this.count;
    this.drawn(momentS, latencyS);
  }

  /** Forget what waits. */
  skip() {
    this.epoch += 1;
    for (const frame of this.waiting) frame.bitmap.close();
    this.waiting = [];
  }

  /** Show nothing. */
  clear() {
    this.skip();
    this.context.fillRect(0, 0, this.canvas.width, this.canvas.height);
    delete this.canvas.dataset.moment;
    delete this.canvas.dataset.latency;
    delete this.canvas.dataset.frames;
    this.count = 0;
  }
}
