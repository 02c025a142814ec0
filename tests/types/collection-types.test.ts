/**
 * Types of the public API: metadata is typed once, and known everywhere after.
 */
import { describe, expectTypeOf, it } from "vitest";
import type {
  AddOptions,
  BulkAddOptions,
  ClientOptions,
  Collection,
  CollectionOptions,
  Database,
  Dtype,
  ErrorCode,
  Fields,
  Id,
  InsertSession,
  Item,
  Matrix,
  Metric,
  OrderBy,
  QueryOptions,
  ResultRow,
  ResultView,
  Row,
  SearchOptions,
  SearchPlan,
  Selection,
  UpsertOptions,
  Vector,
  Where,
  WhereClause,
  WhereParams,
} from "../../src/index.js";
import {
  type errorCatalogue,
  isLynseError,
  type LynseError,
  limits,
  type VectorDBClient,
  where,
} from "../../src/index.js";

type DocAlias = { title: string; rank: number; tags: string[]; source?: { name: string } };

interface DocInterface {
  readonly title: string;
  readonly rank: number;
}

/** Never run: only its types are looked at. */
type Never = (db: Database, docs: Collection<DocAlias>, session: InsertSession<DocAlias>) => unknown;

describe("the types of the package", () => {
  it("carry metadata from the collection to every result", () => {
    expectTypeOf<Collection<DocAlias>["search"]>().returns.resolves.toEqualTypeOf<ResultView<DocAlias>>();
    expectTypeOf<Collection<DocAlias>["batchSearch"]>().returns.resolves.toEqualTypeOf<ResultView<DocAlias>[]>();
    expectTypeOf<Collection<DocAlias>["searchRange"]>().returns.resolves.toEqualTypeOf<ResultView<DocAlias>>();
    expectTypeOf<Collection<DocAlias>["searchProfile"]>().returns.resolves.toEqualTypeOf<{
      items: ResultView<DocAlias>;
      profile: SearchPlan;
    }>();
    expectTypeOf<Collection<DocAlias>["query"]>().returns.resolves.toEqualTypeOf<ResultView<DocAlias>>();
    expectTypeOf<Collection<DocAlias>["get"]>().returns.resolves.toEqualTypeOf<ResultView<DocAlias>>();
    expectTypeOf<Collection<DocAlias>["head"]>().returns.resolves.toEqualTypeOf<ResultView<DocAlias>>();
    expectTypeOf<Collection<DocAlias>["scan"]>().returns.toEqualTypeOf<AsyncIterableIterator<Row<DocAlias>>>();
    expectTypeOf<Row<DocAlias>["field"]>().toEqualTypeOf<DocAlias>();
  });

  it("take an interface for metadata as well as an alias", () => {
    const use = (db: Database) => db.requireCollection<DocInterface>("docs", { dim: 2 });
    expectTypeOf(use).returns.resolves.toEqualTypeOf<Collection<DocInterface>>();
    expectTypeOf<ResultView<DocInterface>["fields"]>().toEqualTypeOf<readonly DocInterface[] | null>();
    expectTypeOf<Item<DocInterface>>().toExtend<Item>();
    expectTypeOf<Collection["search"]>().returns.resolves.toEqualTypeOf<ResultView<Fields>>();
  });

  it("give views readonly columns and typed rows", () => {
    expectTypeOf<ResultView<DocAlias>["ids"]>().toEqualTypeOf<readonly Id[]>();
    expectTypeOf<ResultView<DocAlias>["distances"]>().toExtend<Float32Array>();
    expectTypeOf<ResultView<DocAlias>["vectors"]>().toEqualTypeOf<readonly Float32Array[] | null>();
    expectTypeOf<ResultView<DocAlias>["cursor"]>().toEqualTypeOf<string | null>();
    expectTypeOf<ResultView<DocAlias>["type"]>().toEqualTypeOf<"search" | "query" | "data">();
    expectTypeOf<ResultView<DocAlias>>().toExtend<Iterable<ResultRow<DocAlias>>>();
    expectTypeOf<ResultRow<DocAlias>["field"]>().toEqualTypeOf<DocAlias | undefined>();
    const firstRow = (view: ResultView<DocAlias>) => view.toList()[0]!;
    expectTypeOf(firstRow).returns.toHaveProperty("title").toEqualTypeOf<string>();
    expectTypeOf(firstRow).returns.toHaveProperty("rank").toEqualTypeOf<number>();
    expectTypeOf(firstRow).returns.toHaveProperty("id").toEqualTypeOf<Id>();
    expectTypeOf(firstRow).returns.toHaveProperty("distance").toEqualTypeOf<number | undefined>();
  });

  it("check metadata that is written", () => {
    const field: DocAlias = { title: "a", rank: 1, tags: [] };
    const right: Never = (_, docs, session) => [
      docs.addItem([1, 2], { id: 1, field }),
      docs.addItem(new Float32Array(2), { id: "a" }),
      docs.bulkAddItems([[[1, 2], 1, field], [[1, 2], "b"], { vector: [1, 2], id: 3, field }]),
      docs.add({ vectors: [[1, 2]], fields: [field, null, undefined] }),
      docs.add({ vectors: [1, 2], fields: field }),
      docs.upsert({ ids: [1], vectors: [[1, 2]] }),
      docs.upsert({ ids: 1, vectors: { data: new Float32Array(2), dim: 2 }, fields: [undefined] }),
      session.upsertItems([[Float64Array.of(1, 2), 1, field]] as const),
      session.delete({ where: "rank = :rank", params: { rank: 1 } }),
    ];
    const wrong: Never = (db, docs, session) => [
      // @ts-expect-error a field of another type
      docs.addItem([1, 2], { id: 1, field: { ...field, rank: "1" } }),
      // @ts-expect-error a field that is missing
      docs.addItem([1, 2], { id: 1, field: { title: "a" } }),
      // @ts-expect-error an id is needed
      docs.addItem([1, 2], { field }),
      // @ts-expect-error an id is a number or a text
      docs.addItem([1, 2], { id: 5n }),
      // @ts-expect-error a vector holds numbers
      docs.addItem(["1", "2"], { id: 1 }),
      // @ts-expect-error metadata of another type in a tuple
      docs.bulkAddItems([[[1, 2], 1, { title: 5 }]]),
      // @ts-expect-error upsert needs ids
      docs.upsert({ vectors: [1, 2] }),
      // @ts-expect-error an option that there is not
      docs.search([1, 2], { topK: 5 }),
      // @ts-expect-error a range needs its threshold
      docs.searchRange([1, 2], {}),
      // @ts-expect-error a direction that there is not
      docs.query({ orderBy: { field: "rank", direction: "up" } }),
      // @ts-expect-error a filter is a text or a clause
      docs.search([1, 2], { where: { rank: 1 } }),
      // @ts-expect-error sessions do not compact
      session.compact(),
      // @ts-expect-error metadata is an object
      db.requireCollection<string>("docs"),
      // @ts-expect-error a dtype that there is not
      db.requireCollection("docs", { dtype: "float64" }),
    ];
    expectTypeOf(right).toBeFunction();
    expectTypeOf(wrong).toBeFunction();
  });

  it("keep options and metadata of callers readonly", () => {
    const options = { k: 5, filterIds: [1, "a"], where: "rank = :rank", params: { rank: [1, 2] } } as const;
    expectTypeOf(options).toExtend<SearchOptions>();
    expectTypeOf({ limit: 5, orderBy: { field: "rank", direction: "desc" } } as const).toExtend<QueryOptions>();
    expectTypeOf({ ids: [1, 2], vectors: [[1, 2]] } as const).toExtend<AddOptions>();
    expectTypeOf({ ids: [1, 2], vectors: [[1, 2]] } as const).toExtend<UpsertOptions>();
    expectTypeOf({ dim: 2, dtype: "float16", defaultIndex: null } as const).toExtend<CollectionOptions>();
    expectTypeOf<readonly [readonly [1, 2], 5]>().toExtend<Item>();
    expectTypeOf<readonly number[]>().toExtend<Selection>();
    expectTypeOf<{ readonly where: WhereClause }>().toExtend<Selection>();
    expectTypeOf<{ readonly durability: "os" }>().toExtend<ClientOptions>();
    expectTypeOf<BulkAddOptions["signal"]>().toEqualTypeOf<AbortSignal | undefined>();
    type Writable<T> = { -readonly [K in keyof T]: T[K] };
    expectTypeOf<SearchOptions>().not.toEqualTypeOf<Writable<SearchOptions>>();
    expectTypeOf<Readonly<SearchOptions>>().toEqualTypeOf<SearchOptions>();
    expectTypeOf<Readonly<QueryOptions>>().toEqualTypeOf<QueryOptions>();
    expectTypeOf<Readonly<CollectionOptions>>().toEqualTypeOf<CollectionOptions>();
  });

  it("let the where tag take values, lists and clauses, and nothing else", () => {
    const clause = where`lang = ${"en"} AND rank > ${5} AND at < ${new Date(0)} AND x IS ${null} AND y = ${true}`;
    expectTypeOf(clause).toEqualTypeOf<WhereClause>();
    expectTypeOf(where`rank IN ${[1, 2]} AND (${clause}) AND lang IN ${["a"] as const}`).toEqualTypeOf<WhereClause>();
    expectTypeOf<WhereClause>().toExtend<Where>();
    expectTypeOf<string>().toExtend<Where>();
    expectTypeOf<{ lang: string; ranks: readonly number[]; at: Date; none: null }>().toExtend<WhereParams>();
    const wrong = () => [
      // @ts-expect-error an object is no value
      where`a = ${{ b: 1 }}`,
      // @ts-expect-error undefined is no value: null is
      where`a = ${undefined}`,
      // @ts-expect-error a bigint is no value
      where`a = ${5n}`,
      // @ts-expect-error a symbol is no value
      where`a = ${Symbol("x")}`,
      // @ts-expect-error a Map is no value
      where`a = ${new Map()}`,
      // @ts-expect-error lists do not nest
      where`a IN ${[[1]]}`,
    ];
    expectTypeOf(wrong).toBeFunction();
  });

  it("narrow errors by code without instanceof", () => {
    const codeOf = (error: unknown): ErrorCode | null => (isLynseError(error) ? error.code : null);
    expectTypeOf(codeOf).returns.toEqualTypeOf<ErrorCode | null>();
    expectTypeOf<"ID_EXISTS">().toExtend<ErrorCode>();
    expectTypeOf<"NO_SUCH_CODE">().not.toExtend<ErrorCode>();
    expectTypeOf<keyof typeof errorCatalogue>().toEqualTypeOf<ErrorCode>();
    expectTypeOf<LynseError>().toExtend<Error>();
    expectTypeOf(limits.kMax).toBeNumber();
  });

  it("name what a vector, a matrix, an id and the choices are", () => {
    for (const vector of [[1, 2], Float32Array.of(1), Float64Array.of(1), Int8Array.of(1)]) {
      expectTypeOf(vector).toExtend<Vector>();
    }
    expectTypeOf<readonly [1, 2]>().toExtend<Vector>();
    expectTypeOf<string[]>().not.toExtend<Vector>();
    expectTypeOf<{ data: Float32Array; dim: number }>().toExtend<Matrix>();
    expectTypeOf<number[][]>().toExtend<Matrix>();
    expectTypeOf<Id>().toEqualTypeOf<number | string>();
    expectTypeOf<"ip" | "l2" | "cos" | "hamming" | "jensen_shannon">().toExtend<Metric>();
    expectTypeOf<"dot">().not.toExtend<Metric>();
    expectTypeOf<Dtype>().toEqualTypeOf<"float32" | "float16">();
    expectTypeOf<{ field: "rank" }>().toExtend<OrderBy>();
  });

  it("let a client be disposed, and a session give back what its function gives", () => {
    expectTypeOf<VectorDBClient>().toExtend<AsyncDisposable>();
    expectTypeOf<ConstructorParameters<typeof VectorDBClient>[0]>().toEqualTypeOf<string | URL | undefined>();
    expectTypeOf<ConstructorParameters<typeof VectorDBClient>[1]>().toEqualTypeOf<ClientOptions | undefined>();
    const use = (docs: Collection<DocAlias>) =>
      [docs.insertSession(async () => "text" as const), docs.insertSession(() => 5 as const)] as const;
    expectTypeOf(use).returns.toEqualTypeOf<readonly [Promise<"text">, Promise<5>]>();
  });
});
