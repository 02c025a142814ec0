/** Can every node of a graph be reached? Read from its sections, independently of the kernel; for the tests of graphs. */

const none = 0xffffffff;
const noNode = 0x80000000;

/** Nodes of a kept graph and those that no way over level 0 leads to from the entry. */
export function connectedNodes(sections: ReadonlyMap<string, Uint8Array>): { nodes: number; unreachable: number } {
  const words = (name: string): Uint32Array => new Uint32Array((sections.get(name) ?? new Uint8Array()).slice().buffer);
  const [, rowCount = 0, , , m = 0, , entry = none] = words("header");
  const lists = words("lists");
  const chains = words("chains");
  const reached = new Set<number>();
  const queue: number[] = entry === none ? [] : [entry];
  while (queue.length > 0) {
    const node = queue.pop() as number;
    if (reached.has(node)) continue;
    reached.add(node);
    for (let i = 0; i < 2 * m; i++) {
      const neighbour = lists[node * 2 * m + i] as number;
      if (neighbour === none) break;
      queue.push(neighbour);
    }
  }
  let nodes = 0;
  let unreachable = 0;
  for (let row = 0; row < rowCount; row++) {
    if (((chains[row] as number) & noNode) !== 0) continue;
    nodes++;
    if (!reached.has(row)) unreachable++;
  }
  return { nodes, unreachable };
}
