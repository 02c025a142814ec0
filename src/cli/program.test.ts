import { expect, test } from "vitest";
import { createProgram } from "./program.js";
import { Terminal } from "./terminal.js";

const program = createProgram("0.0.0", new Terminal());

/** The help of a command as it is printed, examples included. */
function helpOf(name: string): string {
  const command = program.commands.find((candidate) => candidate.name() === name);
  let text = "";
  command?.configureOutput({
    writeOut: (part) => {
      text += part;
    },
  });
  command?.outputHelp();
  return text;
}

test.each(program.commands.map((command) => command.name()))("the help of %s fits a terminal", (name) => {
  const lines = helpOf(name).split("\n");
  expect(lines.length).toBeGreaterThan(10);
  for (const line of lines) expect(line.length, line).toBeLessThanOrEqual(106);
});

test.each(program.commands.map((command) => command.name()))("the examples of %s use options that exist", (name) => {
  const command = program.commands.find((candidate) => candidate.name() === name);
  const known = command?.options.flatMap((option) => [option.long, option.short]) ?? [];
  const examples = helpOf(name).match(new RegExp(`(?<= )lynse ${name} .+$`, "gm")) ?? [];
  expect(examples.length).toBeGreaterThan(0);
  // What stands in quotes is a value.
  const text = examples.join("\n").replace(/'[^']*'|"[^"]*"/g, "");
  const used = text.match(/(?<=\s)--?[a-z][a-z-]*/g) ?? [];
  expect(used.filter((option) => !known.includes(option))).toEqual([]);
});
