// The parts of compile_kernels.cjs that run no program: parses ptxas's output, judges kernels, computes occupancy.
'use strict';

// Limits of a multiprocessor by compute capability: NVIDIA, CUDA C++ Programming Guide, "Technical Specifications per
// Compute Capability". Shared memory in bytes; each block takes 1 KiB more than the kernel requests (reserved by the
// system).
const LIMITS = {
  '8.0': { warps: 64, blocks: 32, registers: 65536, sharedBytes: 164 * 1024, blockSharedBytes: 163 * 1024 },
  '8.6': { warps: 48, blocks: 16, registers: 65536, sharedBytes: 100 * 1024, blockSharedBytes: 99 * 1024 },
  '8.9': { warps: 48, blocks: 24, registers: 65536, sharedBytes: 100 * 1024, blockSharedBytes: 99 * 1024 },
  '9.0': { warps: 64, blocks: 32, registers: 65536, sharedBytes: 228 * 1024, blockSharedBytes: 227 * 1024 },
  '10.0': { warps: 64, blocks: 32, registers: 65536, sharedBytes: 228 * 1024, blockSharedBytes: 227 * 1024 },
  '12.0': { warps: 48, blocks: 24, registers: 65536, sharedBytes: 100 * 1024, blockSharedBytes: 99 * 1024 },
};

// 'sm_90a' or '90a' -> '9.0'.
function capability(architecture) {
  const digits = /^(?:sm_)?(\d+)(\d)[a-z]?$/.exec(architecture);
  if (!digits) throw new Error(`${architecture} is no GPU architecture like sm_90a.`);
  return `${digits[1]}.${digits[2]}`;
}

// The kernels in what `nvcc -Xptxas -v` printed: [{symbol, architecture, registers, staticSharedBytes, stackBytes,
// spillStoreBytes, spillLoadBytes}], with mangled names. Resources of functions that a kernel calls count as the
// kernel's.
function parsePtxas(log) {
  const kernels = [];
  let kernel;
  for (const line of log.split('\n')) {
    const entry = /Compiling entry function '([^']+)' for '([^']+)'/.exec(line);
    if (entry) {
      kernel = {
        symbol: entry[1],
        architecture: entry[2],
        registers: null,
        staticSharedBytes: 0,
        stackBytes: 0,
        spillStoreBytes: 0,
        spillLoadBytes: 0,
      };
      kernels.push(kernel);
      continue;
    }
    const frame = /(\d+) bytes stack frame, (\d+) bytes spill stores, (\d+) bytes spill loads/.exec(line);
    const used = /Used (\d+) registers/.exec(line);
    if ((frame || used) && !kernel) throw new Error(`ptxas speaks of no kernel before this line: ${line}`);
    if (frame) {
      kernel.stackBytes = Math.max(kernel.stackBytes, Number(frame[1]));
      kernel.spillStoreBytes += Number(frame[2]);
      kernel.spillLoadBytes += Number(frame[3]);
    }
    if (used) {
      kernel.registers = Number(used[1]);
      kernel.staticSharedBytes = Number(/(\d+) bytes smem/.exec(line)?.[1] ?? 0);
    }
  }
  const unfinished = kernels.find((k) => k.registers === null);
  if (unfinished)
    throw new Error(`ptxas did not say how many registers ${unfinished.symbol} uses on ${unfinished.architecture}.`);
  return kernels;
}

// The kernels in what `cuobjdump --dump-resource-usage` prints of a library: the same. Spilled registers are in the
// stack frame, and count as part of it.
function parseResourceUsage(log) {
  const kernels = [];
  let architecture;
  let symbol;
  for (const line of log.split('\n')) {
    architecture = /^arch = (sm_\w+)/.exec(line)?.[1] ?? architecture;
    symbol = /^\s*Function (\S+):/.exec(line)?.[1] ?? symbol;
    const used = /\bREG:(\d+) STACK:(\d+) SHARED:(\d+) LOCAL:(\d+)/.exec(line);
    if (!used) continue;
    if (!architecture || !symbol) throw new Error(`cuobjdump names no kernel before this line: ${line}`);
    const [registers, stack, staticSharedBytes, local] = used.slice(1).map(Number);
    kernels.push({
      symbol,
      architecture,
      registers,
      staticSharedBytes,
      stackBytes: stack + local,
      spillStoreBytes: 0,
      spillLoadBytes: 0,
    });
    symbol = undefined;
  }
  return kernels;
}

// Sentences about kernels that spill registers or have a stack frame, except those that `exempt` matches by name.
// exempt: [{kernel: RegExp, reason}] for the demangled name.
function faults(kernels, exempt = []) {
  const sentences = [];
  for (const k of kernels) {
    const name = k.name ?? k.symbol;
    if (exempt.some((e) => e.kernel.test(name))) continue;
    const complaints = [];
    if (k.spillStoreBytes + k.spillLoadBytes > 0)
      complaints.push(`spills registers (${k.spillStoreBytes} bytes stored, ${k.spillLoadBytes} bytes loaded)`);
    if (k.stackBytes > 0) complaints.push(`has a stack frame of ${k.stackBytes} bytes`);
    if (complaints.length > 0) sentences.push(`${name} on ${k.architecture} ${complaints.join(' and ')}.`);
  }
  return sentences;
}

// Theoretical occupancy, computed like cuda_occupancy.h of the CUDA toolkit: registers are allocated to warps in units
// of 256 from each quarter of the multiprocessor, shared memory to blocks in units of 128 bytes.
function occupancy({ architecture, registers, threads, sharedBytes }) {
  const limits = LIMITS[capability(architecture)];
  if (!limits) throw new Error(`The limits of ${architecture} are not known here: see LIMITS.`);
  const up = (value, unit) => Math.ceil(value / unit) * unit;
  const warps = Math.ceil(threads / 32);
  const blocksBy = {
    'warps': Math.floor(limits.warps / warps),
    'blocks': limits.blocks,
    'registers': Math.floor((Math.floor(limits.registers / 4 / up(registers * 32, 256)) * 4) / warps),
    'shared memory':
      sharedBytes > limits.blockSharedBytes ? 0 : Math.floor(limits.sharedBytes / up(sharedBytes + 1024, 128)),
  };
  if (up(registers * 32, 256) * up(warps, 4) > limits.registers) blocksBy.registers = 0;
  const blocks = Math.min(...Object.values(blocksBy));
  const limitedBy = Object.keys(blocksBy).filter((reason) => blocksBy[reason] === blocks);
  return { blocks, warps: blocks * warps, fraction: (blocks * warps) / limits.warps, limitedBy };
}

// 'void cheems::cuda::(anonymous namespace)::rope_kernel<__nv_bfloat16, 8, 1>(…)' -> {kernel: 'rope_kernel', instance:
// 'bfloat16, 8, 1'}.
function splitName(demangled) {
  const plain = demangled
    .replace(/^void /, '')
    .replaceAll('(anonymous namespace)::', '')
    .replaceAll(/\(cheems::([A-Za-z]+)\)(\d+)/g, '$1 $2')
    .replaceAll(/\((?:bool|int)\)(\d+)/g, '$1')
    .replaceAll(/\b(?:cheems|cuda|attention)::/g, '')
    .replaceAll('__nv_bfloat16', 'bfloat16');
  let depth = 0;
  let begin = -1;
  for (let i = 0; i < plain.length; ++i) {
    if (plain[i] === '<' && depth++ === 0) begin = i;
    else if (plain[i] === '>' && --depth === 0)
      return { kernel: plain.slice(0, begin), instance: plain.slice(begin + 1, i).trim() };
    else if (plain[i] === '(' && depth === 0) return { kernel: plain.slice(0, i), instance: '' };
  }
  return { kernel: plain, instance: '' };
}

// Rows of cells as a Markdown table; columns of numbers are right-aligned.
function markdownTable(header, rows) {
  const numeric = header.map((_, c) => rows.length > 0 && rows.every((row) => /^[-–\d]/.test(row[c]) || row[c] === ''));
  const line = (cells) => `| ${cells.join(' | ')} |`;
  return [line(header), line(numeric.map((n) => (n ? '---:' : '---'))), ...rows.map(line)].join('\n');
}

module.exports = { LIMITS, capability, parsePtxas, parseResourceUsage, faults, occupancy, splitName, markdownTable };
