/**
 * What does a worker thread of the job pool run?
 *
 * A program given as text, so that it needs no file of its own: it works from the sources, from `dist/` and inside a
 * bundle. It keeps the modules and memories that it was sent under their numbers, and one instance a memory and module.
 *
 * Messages to it: `["module", number, WebAssembly.Module]`, `["memory", number, WebAssembly.Memory]` and
 * `["call", module number, memory number, function name, arguments]`. To a call it answers with the function's result,
 * or with a text, the reason of the failure. There is no message to forget a memory: only the end of the thread is sure
 * to give one back, because nothing else makes the garbage collector of an idle thread run.
 */
export const jobProgram = `"use strict";
const { parentPort } = require("node:worker_threads");
const modules = new Map();
const memories = new Map();

function functionsOf(module, memory) {
  const { object, instances } = memories.get(memory);
  let instance = instances.get(module);
  if (instance === undefined) {
    instance = new WebAssembly.Instance(modules.get(module), { env: { memory: object } });
    instances.set(module, instance);
  }
  return instance.exports;
}

function answer(module, memory, name, args) {
  try {
    const called = functionsOf(module, memory)[name];
    if (called === undefined) return "its module has no function of that name";
    return Number(called(...args) ?? 0);
  } catch (error) {
    return String(error?.message ?? error);
  }
}

parentPort.on("message", ([kind, number, value, name, args]) => {
  if (kind === "module") modules.set(number, value);
  else if (kind === "memory") memories.set(number, { object: value, instances: new Map() });
  else parentPort.postMessage(answer(number, value, name, args));
});
`;
