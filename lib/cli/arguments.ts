// The command line as the parser needs it: option names in snake_case, booleans in lower case.

/**
 * `--learning-rate` and `--learning_rate` are one option; `--no-do-shuffle` negates `do_shuffle`. `--flag True`, as in
 * Python scripts, is accepted. Values and everything after `--` stay unchanged.
 */
export function normalizeArguments(argv: readonly string[]): string[] {
  const result: string[] = [];
  let afterOption = false;
  for (const [index, argument] of argv.entries()) {
    if (argument === '--') return [...result, ...argv.slice(index)];
    const option = /^--([A-Za-z][\w-]*)(=.*)?$/s.exec(argument);
    if (option) {
      result.push(`--${normalizeName(option[1]!)}${lowerTruth(option[2] ?? '')}`);
    } else {
      result.push(afterOption ? lowerTruth(argument) : argument);
    }
    afterOption = option !== null && option[2] === undefined;
  }
  return result;
}

function normalizeName(name: string): string {
  const snake = name.replaceAll('-', '_');
  return snake.startsWith('no_') ? `no-${snake.slice(3)}` : snake;
}

function lowerTruth(text: string): string {
  return /^=?(True|False|TRUE|FALSE)$/.test(text) ? text.toLowerCase() : text;
}
