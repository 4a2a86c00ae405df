// Listens in the audio thread: whatever rate the microphone has, packets of 20 ms of 16 kHz int16 come out.

const RATE = 16000; // Hz
const PACKET = 320; // samples: 20 ms
const ZERO_CROSSINGS = 24; // of the sinc on each side
const STEPS = 512; // of the kernel's table between two zero crossings
const ROLL_OFF = 0.93; // the filter's middle, of the lower of the two Nyquist frequencies
const KAISER_BETA = 8; // side lobes 80 dB down

function bessel0(x) {
  let sum = 1;
  let term = 1;
  for (let k = 1; term > 1e-12 * sum; k += 1) {
    term *= (x / (2 * k)) ** 2;
    sum += term;
  }
  return sum;
}

/** Band-limited resampling (windowed sinc; J. O. Smith, Digital Audio Resampling) of a stream, a block at a time. */
export class Resampler {
  constructor(from, to) {
    this.step = from / to;
    // A lower rate needs a lower cut: the kernel grows wider in samples of the input.
    this.scale = ROLL_OFF * Math.min(1, to / from);
    this.reach = Math.ceil(ZERO_CROSSINGS / this.scale);
    this.same = from === to;
    this.kernel = new Float32Array(ZERO_CROSSINGS * STEPS + 2);
    for (let i = 0; i <= ZERO_CROSSINGS * STEPS; i += 1) {
      const x = i / STEPS;
      const sinc = x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x);
      const window = bessel0(KAISER_BETA * Math.sqrt(1 - (x / ZERO_CROSSINGS) ** 2)) / bessel0(KAISER_BETA);
      this.kernel[i] = this.scale * sinc * window;
    }
    this.kept = new Float32Array(this.reach); // silence before the beginning
    this.next = this.reach; // where in `kept` the next output sample lies
  }

  /** Take a block; returns what can be known now. */
  push(block) {
    if (this.same) return block.slice();
    const sound = new Float32Array(this.kept.length + block.length);
    sound.set(this.kept);
    sound.set(block, this.kept.length);
    const made = [];
    while (this.next + this.reach < sound.length) {
      made.push(this.at(sound, this.next));
      this.next += this.step;
    }
    const done = Math.max(0, Math.floor(this.next) - this.reach);
    this.kept = sound.slice(done);
    this.next -= done;
    return Float32Array.from(made);
  }

  at(sound, place) {
    const first = Math.max(0, Math.ceil(place - this.reach));
    const last = Math.min(sound.length - 1, Math.floor(place + this.reach));
    let sum = 0;
    for (let i = first; i <= last; i += 1) {
      const x = Math.abs(place - i) * this.scale * STEPS;
      const cell = Math.floor(x);
      if (cell >= ZERO_CROSSINGS * STEPS) continue;
      sum += sound[i] * (this.kernel[cell] + (x - cell) * (this.kernel[cell + 1] - this.kernel[cell]));
    }
    return sum;
  }
}

class Listener extends AudioWorkletProcessor {
  constructor() {
    super();
    this.resampler = new Resampler(sampleRate, RATE);
    this.packet = new Int16Array(PACKET);
    this.filled = 0;
    this.listening = true;
    this.port.onmessage = () => {
      this.listening = false;
    };
  }

  process(inputs) {
    const channel = inputs[0][0];
    if (channel) {
      for (const value of this.resampler.push(channel)) this.put(value);
    }
    return this.listening;
  }

  put(value) {
    this.packet[this.filled] = Math.round(32767 * Math.min(1, Math.max(-1, value)));
    this.filled += 1;
    if (this.filled < PACKET) return;
    this.port.postMessage(this.packet.buffer, [this.packet.buffer]);
    this.packet = new Int16Array(PACKET);
    this.filled = 0;
  }
}

registerProcessor("listener", Listener);
