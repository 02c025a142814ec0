/**
 * The embedded and the remote client are one interface: what one has, the other has, with the same types.
 */
import { describe, expectTypeOf, it } from "vitest";
import type { LocalCollection } from "../../src/client/local/local-collection.js";
import type { LocalDatabase } from "../../src/client/local/local-database.js";
import type { LocalInsertSession } from "../../src/client/local/local-insert-session.js";
import type { RemoteCollection } from "../../src/client/remote/remote-collection.js";
import type { RemoteDatabase } from "../../src/client/remote/remote-database.js";
import type { RemoteInsertSession } from "../../src/client/remote/remote-insert-session.js";
import type { Collection, Database, InsertSession } from "../../src/index.js";

interface Doc {
  readonly title: string;
  readonly rank: number;
}

/** Members that only the modes themselves call, to end a session. */
type Own = "commit" | "end";

describe("local and remote", () => {
  it("have the same members, and no others than the interface", () => {
    expectTypeOf<keyof LocalCollection>().toEqualTypeOf<keyof Collection>();
    expectTypeOf<keyof RemoteCollection>().toEqualTypeOf<keyof Collection>();
    expectTypeOf<keyof LocalDatabase>().toEqualTypeOf<keyof Database>();
    expectTypeOf<keyof RemoteDatabase>().toEqualTypeOf<keyof Database>();
    expectTypeOf<Exclude<keyof LocalInsertSession<Doc>, Own>>().toEqualTypeOf<keyof InsertSession>();
    expectTypeOf<Exclude<keyof RemoteInsertSession<Doc>, Own>>().toEqualTypeOf<keyof InsertSession>();
  });

  it("take and give the same types", () => {
    expectTypeOf<Pick<LocalCollection<Doc>, keyof Collection>>().toExtend<Collection<Doc>>();
    expectTypeOf<Pick<RemoteCollection<Doc>, keyof Collection>>().toExtend<Collection<Doc>>();
    expectTypeOf<Pick<LocalCollection<Doc>, keyof Collection>>().toExtend<
      Pick<RemoteCollection<Doc>, keyof Collection>
    >();
    expectTypeOf<Pick<RemoteCollection<Doc>, keyof Collection>>().toExtend<
      Pick<LocalCollection<Doc>, keyof Collection>
    >();
    expectTypeOf<Pick<LocalDatabase, keyof Database>>().toExtend<Pick<RemoteDatabase, keyof Database>>();
    expectTypeOf<Pick<RemoteDatabase, keyof Database>>().toExtend<Pick<LocalDatabase, keyof Database>>();
  });
});
