/**
 * What time does a simulated machine believe it is?
 *
 * The real time, and hours more or less, as a test sets it: clocks are put right, by people and by the network, while a
 * program runs. Stands in for the global `Date` until it is restored.
 */

const RealDate = globalThis.Date;

export class JumpingClock {
  #offsetMs = 0;

  constructor() {
    const now = (): number => RealDate.now() + this.#offsetMs;
    const Jumping = function (this: unknown, ...given: readonly unknown[]): Date | string {
      if (new.target === undefined) return new RealDate(now()).toString();
      return given.length === 0 ? new RealDate(now()) : Reflect.construct(RealDate, given);
    };
    Object.assign(Jumping, { now, parse: RealDate.parse, UTC: RealDate.UTC, prototype: RealDate.prototype });
    globalThis.Date = Jumping as unknown as DateConstructor;
  }

  /** Puts the clock forward, or back. */
  jump(byMs: number): void {
    this.#offsetMs += byMs;
  }

  /** Gives the real time back to everybody. */
  restore(): void {
    globalThis.Date = RealDate;
  }
}
