// Makes bench/KERNELS.md from ptxas's report on the kernels and the counts of the program kernel_traffic.
'use strict';

const { execFileSync } = require('node:child_process');
const { occupancy, splitName, markdownTable } = require('./kernel_report.cjs');

const percent = (fraction) => `${Math.round(100 * fraction)} %`;
const spilled = (k) => k.stackBytes + k.spillStoreBytes + k.spillLoadBytes;

// The program's functions: {offset from __executable_start: demangled name}.
function symbolsOf(program) {
  const lines = execFileSync('nm', ['-C', '--defined-only', program], { encoding: 'utf8', maxBuffer: 1 << 28 }).split(
    '\n',
  );
  const symbols = lines.map((line) => /^([0-9a-f]+) (\S) (.*)$/.exec(line)).filter(Boolean);
  const start = symbols.find((s) => s[3] === '__executable_start');
  if (!start)
    throw new Error(`${program} has no symbol __executable_start: kernels cannot be told by their addresses.`);
  const names = new Map();
  for (const [, address, kind, name] of symbols) {
    if (/[tTwW]/.test(kind)) names.set(Number.parseInt(address, 16) - Number.parseInt(start[1], 16), name);
  }
  return names;
}

// Compiled kernels by demangled name: {name, by architecture: kernel}. A kernel in a header is compiled with each file
// that launches it; the one that needs the most registers represents all.
function byName(kernels) {
  const named = new Map();
  for (const kernel of kernels) {
    const of = named.get(kernel.name) ?? new Map();
    const known = of.get(kernel.architecture);
    if (!known || known.registers < kernel.registers) of.set(kernel.architecture, kernel);
    named.set(kernel.name, of);
  }
  return named;
}

// Every counted (launched name, kernel, threads, dynamic shared memory), once, with its compiled kernels.
function launchedKernels(operations, symbols, compiled) {
  const rows = new Map();
  for (const operation of operations) {
    for (const k of operation.kernels) {
      const name = symbols.get(k.offset);
      if (!name) throw new Error(`No function of the program lies where ${k.name} was launched from.`);
      const found = compiled.get(name);
      if (!found) throw new Error(`${k.name} launched ${name}, but no compiled kernel has that name.`);
      rows.set([k.name, name, k.threads, k.dynamic_shared_bytes].join('\n'), { launch: k, name, compiled: found });
    }
  }
  return [...rows.values()].sort((a, b) => (a.launch.name + a.name < b.launch.name + b.name ? -1 : 1));
}

function launchTable(launched, architectures) {
  const rows = launched.map(({ launch, name, compiled }) => {
    const all = architectures.map((a) => compiled.get(a));
    const of = all.map((k) => {
      const sharedBytes = k.staticSharedBytes + launch.dynamic_shared_bytes;
      return occupancy({ architecture: k.architecture, registers: k.registers, threads: launch.threads, sharedBytes });
    });
    const fixed = Math.max(...all.map((k) => k.staticSharedBytes));
    const worst = Math.max(...all.map(spilled));
    return [
      launch.name,
      splitName(name).instance || '–',
      launch.threads,
      `${launch.dynamic_shared_bytes} + ${fixed}`,
      ...all.map((k) => k.registers),
      worst === 0 ? 'none' : `${worst} bytes`,
      ...of.map((o) => percent(o.fraction)),
    ];
  });
  const columns = (what) => architectures.map((a) => a.replace('sm_', `${what} `));
  return markdownTable(
    ['kernel', 'instance', 'threads', 'shared', ...columns('regs'), 'spills', ...columns('occ.')],
    rows,
  );
}

function trafficTable(operations) {
  const megabytes = (bytes) => (bytes >= 1e5 ? (bytes / 1e6).toFixed(2) : (bytes / 1e6).toPrecision(2));
  const rows = operations.map((o) => {
    const sum = (field) => o.kernels.reduce((total, k) => total + k[field], 0);
    const names = o.kernels.map((k) => k.name).filter((name) => name !== o.operation);
    const flops = sum('mma_flops');
    const moved = sum('sector_bytes');
    return [
      o.operation,
      o.form,
      o.sizes,
      names.length > 0 ? names.join(', ') : 'the same',
      megabytes(o.floor_bytes),
      megabytes(moved),
      (moved / o.floor_bytes).toFixed(2),
      o.floor_flops > 0 ? (o.floor_flops / 1e6).toFixed(1) : '–',
      flops > 0 ? (flops / 1e6).toFixed(1) : '–',
      flops > 0 ? (flops / o.floor_flops).toFixed(2) : '–',
      sum('shared_wavefronts') > 0 ? percent(sum('bank_conflicts') / sum('shared_wavefronts')) : '–',
    ];
  });
  const header = [
    'operation',
    'form',
    'sizes',
    'kernels',
    'floor, MB',
    'moved, MB',
    'ratio',
    'floor, MFLOP',
    'mma, MFLOP',
    'ratio',
    'bank conflicts',
  ];
  return markdownTable(header, rows);
}

// Kernels that the program did not launch: other dtypes, widths and head sizes, one row per kernel.
function restTable(compiled, launched, architectures) {
  const seen = new Set(launched.map((l) => l.name));
  const groups = new Map();
  for (const [name, of] of compiled) {
    if (!seen.has(name)) groups.set(splitName(name).kernel, [...(groups.get(splitName(name).kernel) ?? []), of]);
  }
  const rows = [...groups]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([kernel, instances]) => {
      const ranges = architectures.map((a) => {
        const registers = instances.map((of) => of.get(a).registers);
        const [least, most] = [Math.min(...registers), Math.max(...registers)];
        return least === most ? `${least}` : `${least} – ${most}`;
      });
      const worst = Math.max(...instances.flatMap((of) => [...of.values()].map(spilled)));
      return [kernel, instances.length, ...ranges, worst === 0 ? 'none' : `up to ${worst} bytes`];
    });
  return markdownTable(['kernel', 'instances', ...architectures.map((a) => a.replace('sm_', 'regs ')), 'spills'], rows);
}

// kernels: parsePtxas's with demangled names; program: kernel_traffic; operations: what it printed; nvcc: its version.
function kernelTable(kernels, program, { operations }, nvcc) {
  const architectures = [...new Set(kernels.map((k) => k.architecture))];
  const compiled = byName(kernels);
  const launched = launchedKernels(operations, symbolsOf(program), compiled);
  return `# The CUDA kernels

Written by \`node scripts/gpu/compile_kernels.cjs --write-table\`, not by hand: nvcc ${nvcc} compiles every kernel for
${architectures.join(', ')}, and \`bench/kernel_traffic.cpp\` executes them on the CPU (\`native/testing/cuda_on_cpu/\`) and counts what
they do. ${kernels.length} compiled kernels in all; \`scripts/test.sh\` fails where one spills registers or has a stack frame.

## Registers, shared memory, occupancy

Of the kernels as launched for the operations below. Shared memory in bytes, dynamic + static. "Spills" counts stack frames too.
Occupancy is theoretical: resident warps of ${architectures.map((a) => a.replace('sm_', '')).join(' / ')} within the multiprocessor's limits of warps, blocks, registers and shared
memory (NVIDIA, CUDA C++ Programming Guide, "Technical Specifications per Compute Capability"; the arithmetic is cuda_occupancy.h's).

${launchTable(launched, architectures)}

## Bytes and FLOPs against the floor

The floor is that of the operation's contract (\`native/ops/*/*.h\`): every tensor once, in its dtype, and the FLOPs that the mathematics
needs. "Moved" are the 32-byte sectors that all warps of the operation's kernels ask for; what the caches give (norm weights, rotation
tables, a head's keys for each tile of queries) is among them, so a ratio over 1 is not all memory traffic. "mma" are the FLOPs of tensor
core instructions. Bank conflicts: wavefronts of shared memory too many, of all. Shapes are those of Qwen2.5 0.5B (hidden 896) and 7B
(hidden 3584, with one of its four groups of 7 heads), on prompts of 256 tokens with two responses of 256 each; operations on rewards and
embeddings on many short ones.

${trafficTable(operations)}

## All other instances

Other dtypes, widths and head sizes, and those for rows that are not aligned.

${restTable(compiled, launched, architectures)}
`;
}

module.exports = { kernelTable };
