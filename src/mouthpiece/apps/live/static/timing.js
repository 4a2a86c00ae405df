// When sound was made, and how much later its picture is here. All times in milliseconds of performance.now().

const RATE = 16; // samples a millisecond
const RECENT_MS = 3000;
const MOST_MS = 2500; // of delay: what takes longer is not followed
const EASE = 0.015; // the delay drifts by at most so much of the time that passes: nobody hears that
const JUMP_MS = 250; // farther off than this, drifting would take too long

/** The moments of one speech on this machine's clock. */
export class Timeline {
  constructor() {
    this.restart();
  }

  restart() {
    this.samples = 0;
    this.starts = []; // [when, the speech's beginning as that packet tells it]
  }

  /** A packet of so many samples was heard; the one that was least held up tells the time. */
  heard(count, now) {
    this.samples += count;
    this.known(this.samples / RATE, now);
  }

  /** The speech up to there (ms of it) is there now. */
  known(ms, now) {
    this.starts.push([now, now - ms]);
    while (this.starts[0][0] < now - RECENT_MS) this.starts.shift();
  }

  /** When the sound of that moment (seconds of the speech) was made; null before there was any. */
  at(momentS) {
    if (this.starts.length === 0) return null;
    return 1000 * momentS + Math.min(...this.starts.map((start) => start[1]));
  }
}

/** How far the sound must be held back for it to come with its picture: follows what is measured, gently. */
export class Delay {
  constructor() {
    this.restart();
  }

  restart() {
    this.seen = []; // [when, how late]
    this.ms = null;
    this.moved = 0;
  }

  /** A picture was ready so long after its sound. */
  note(late, now) {
    if (late < 0 || late > MOST_MS) return;
    this.seen.push([now, late]);
    while (this.seen[0][0] < now - RECENT_MS) this.seen.shift();
  }

  /** The delay to use now; true where it jumped. */
  follow(now) {
    if (this.seen.length === 0) return false;
    const sorted = this.seen.map((one) => one[1]).sort((one, other) => one - other);
    const wanted = sorted[Math.floor(0.9 * (sorted.length - 1))];
    const jump = this.ms === null || Math.abs(wanted - this.ms) > JUMP_MS;
    const most = EASE * (now - this.moved);
    this.ms = jump ? wanted : this.ms + Math.min(most, Math.max(-most, wanted - this.ms));
    this.moved = now;
    return jump;
  }
}
