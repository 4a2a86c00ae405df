// The microphone, and sound to be heard along with the picture.

const RATE = 16000; // Hz
const MOST_DELAY_S = 3;
const FADE_S = 0.03;
const APART_S = 0.06; // a piece of sound that would start so far from where it should breaks with the one before

/** Why the microphone can't be had, for people. */
export function microphoneTrouble(error) {
  if (!navigator.mediaDevices) {
    return "Browsers give a page the microphone only over HTTPS or on this computer itself (localhost). Open the page that way.";
  }
  const known = {
    NotAllowedError: "The microphone is blocked for this page. Allow it in the browser's settings for this site (the icon beside the address), then press Start again.",
    NotFoundError: "No microphone was found. Plug one in, then press Start again.",
    NotReadableError: "The microphone is there, but can't be read: another program may be using it. Close that one, then press Start again.",
  };
  return known[error.name] ?? `The microphone can't be used: ${error.message || error.name}`;
}

async function contextFor(stream) {
  const ideal = new AudioContext({ sampleRate: RATE, latencyHint: "interactive" });
  try {
    return [ideal, ideal.createMediaStreamSource(stream)];
  } catch {
    // Some browsers connect a microphone only at its own rate: the worklet resamples then.
    await ideal.close();
    const context = new AudioContext({ latencyHint: "interactive" });
    return [context, context.createMediaStreamSource(stream)];
  }
}

/** Sound of this page's own microphone: packets of 20 ms, and played back later on demand. */
export class Microphone {
  static async open(workletUrl, heard, ended) {
    if (!navigator.mediaDevices) throw new Error("no microphone without a secure page");
    const stream = await navigator.mediaDevices.getUserMedia({
      audio: { channelCount: 1, echoCancellation: true, noiseSuppression: true, autoGainControl: true },
    });
    const microphone = new Microphone();
    microphone.stream = stream;
    try {
      const [context, source] = await contextFor(stream);
      microphone.context = context;
      await context.audioWorklet.addModule(workletUrl);
      await context.resume();
      const node = new AudioWorkletNode(context, "listener", {
        numberOfOutputs: 0,
        channelCount: 1,
        channelCountMode: "explicit",
        channelInterpretation: "speakers",
      });
      node.port.onmessage = (message) => heard(message.data);
      microphone.node = node;
      microphone.delay = new DelayNode(context, { maxDelayTime: MOST_DELAY_S });
      microphone.gain = new GainNode(context, { gain: 0 });
      source.connect(node);
      source.connect(microphone.delay).connect(microphone.gain).connect(context.destination);
      stream.getAudioTracks()[0].addEventListener("ended", ended);
    } catch (error) {
      microphone.close();
      throw error;
    }
    return microphone;
  }

  /** Let it be heard so much later (ms), or not at all (null). */
  hearAfter(ms, jumped) {
    const now = this.context.currentTime;
    this.gain.gain.setTargetAtTime(ms === null ? 0 : 1, now, FADE_S / 3);
    if (ms === null) return;
    const seconds = Math.min(MOST_DELAY_S, Math.max(0, ms / 1000 - (this.context.outputLatency || 0)));
    if (jumped) this.delay.delayTime.setValueAtTime(seconds, now);
    else this.delay.delayTime.linearRampToValueAtTime(seconds, now + 0.1);
  }

  close() {
    for (const track of this.stream.getTracks()) track.stop();
    if (this.node) this.node.port.postMessage("stop");
    if (this.context && this.context.state !== "closed") this.context.close();
  }
}

/** Sound that the server sends: pieces of int16, 16 kHz, played when their pictures are due. */
export class Loudspeaker {
  constructor() {
    this.context = new AudioContext({ sampleRate: RATE, latencyHint: "interactive" });
    this.context.resume();
    this.endS = 0;
  }

  /** Play a piece at that time (ms of performance.now()), or right behind the one before where that is about the same. */
  play(samples, at) {
    const piece = this.context.createBuffer(1, samples.length, RATE);
    piece.copyToChannel(Float32Array.from(samples, (value) => value / 32768), 0);
    const node = new AudioBufferSourceNode(this.context, { buffer: piece });
    node.connect(this.context.destination);
    const due = this.context.currentTime + (at - performance.now()) / 1000 - (this.context.outputLatency || 0);
    const start = Math.max(Math.abs(due - this.endS) < APART_S ? this.endS : due, this.context.currentTime);
    node.start(start);
    this.endS = start + piece.duration;
  }

  close() {
    this.context.close();
  }
}
