// What the collection of these tests holds after commit n, so that who sees it can tell whether it is one state, and which.

/** Commits whose groups are there at a time. */
const window = 12;

/** Commits after which snapshots are taken, and no other. */
export const snapshotEvery = 20;

export function groupSize(commit) {
  return 1 + (commit % 5);
}

export function rowsOf(commit) {
  return Array.from({ length: groupSize(commit) }, (_, at) => ({
    id: `${commit}-${at}`,
    vector: [commit, at, 1],
    field: { commit, text: `group${commit} ${"word ".repeat(commit % 40)}` },
  }));
}

/** Groups that commit n takes away. */
export function groupsDroppedBy(commit) {
  return commit > window ? [commit - window] : [];
}

/** Throws unless rows, given as id, vector and field, are what was there after one commit; tells after which. */
export function stateOf(rows) {
  const head = rows.get("head");
  if (head === undefined) {
    if (rows.size > 0) throw new Error(`${rows.size} rows, but not the one that comes with the first`);
    return { commit: 0, restores: 0 };
  }
  const { commit, restores } = head.field;
  const expected = ["head"];
  for (let group = Math.max(1, commit - window + 1); group <= commit; group++) {
    for (const { id, vector, field } of rowsOf(group)) {
      const row = rows.get(id);
      if (row === undefined) throw new Error(`row ${id} is missing after commit ${commit}`);
      const same = row.field.commit === field.commit && row.field.text === field.text;
      if (!same || `${[...row.vector]}` !== `${vector}`)
        throw new Error(`row ${id} is another one after commit ${commit}`);
      expected.push(id);
    }
  }
  if (rows.size === expected.length) return { commit, restores };
  const wrong = [...rows.keys()].filter((id) => !expected.includes(id));
  throw new Error(`rows ${wrong} are too many after commit ${commit}`);
}
