import test from 'ava';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import path from 'node:path';

// scripts/gpu/kernel_report.cjs, which reads what nvcc's assembler says about kernels.
interface Kernel {
  symbol: string;
  name?: string;
  architecture: string;
  registers: number;
  staticSharedBytes: number;
  stackBytes: number;
  spillStoreBytes: number;
  spillLoadBytes: number;
}
interface KernelReport {
  parsePtxas(log: string): Kernel[];
  parseResourceUsage(log: string): Kernel[];
  faults(kernels: Kernel[], exempt?: { kernel: RegExp; reason: string }[]): string[];
  occupancy(kernel: { architecture: string; registers: number; threads: number; sharedBytes: number }): {
    blocks: number;
    fraction: number;
    limitedBy: string[];
  };
  splitName(demangled: string): { kernel: string; instance: string };
}
const scripts = path.join(__dirname, '../../scripts');
const report = createRequire(__filename)(path.join(scripts, 'gpu/kernel_report.cjs')) as KernelReport;

const LOG = `ptxas info    : 0 bytes gmem
ptxas info    : Compiling entry function '_Z4goodPf' for 'sm_90a'
ptxas info    : Function properties for _Z4goodPf
    0 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads
ptxas info    : Used 76 registers, used 1 barriers, 2048 bytes smem
ptxas info    : Compile time = 613.168 ms
ptxas info    : Compiling entry function '_Z7spilledPf' for 'sm_80'
ptxas info    : Function properties for _Z7spilledPf
    72 bytes stack frame, 68 bytes spill stores, 132 bytes spill loads
ptxas info    : Used 24 registers, used 0 barriers, 72 bytes cumulative stack size, 380 bytes cmem[0]
ptxas info    : Compiling entry function '_Z6callerPf' for 'sm_120'
ptxas info    : Function properties for _Z6calleePf
    16 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads
ptxas info    : Function properties for _Z6callerPf
    0 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads
ptxas info    : Used 12 registers, used 0 barriers
`;

test('ptxas: registers, shared memory, spills and stack frames by kernel and architecture', (t) => {
  const clean = { stackBytes: 0, spillStoreBytes: 0, spillLoadBytes: 0 };
  t.deepEqual(report.parsePtxas(LOG), [
    { symbol: '_Z4goodPf', architecture: 'sm_90a', registers: 76, staticSharedBytes: 2048, ...clean },
    {
      symbol: '_Z7spilledPf',
      architecture: 'sm_80',
      registers: 24,
      staticSharedBytes: 0,
      stackBytes: 72,
      spillStoreBytes: 68,
      spillLoadBytes: 132,
    },
    { symbol: '_Z6callerPf', architecture: 'sm_120', registers: 12, staticSharedBytes: 0, ...clean, stackBytes: 16 },
  ]);
  t.throws(() => report.parsePtxas(LOG.replace('Used 12', 'Has 12')), { message: /_Z6callerPf.*sm_120/ });
});

test('kernels that spill or have a stack frame are named with their architecture and bytes, but for those excused', (t) => {
  const kernels = report.parsePtxas(LOG);
  t.deepEqual(report.faults(kernels), [
    '_Z7spilledPf on sm_80 spills registers (68 bytes stored, 132 bytes loaded) and has a stack frame of 72 bytes.',
    '_Z6callerPf on sm_120 has a stack frame of 16 bytes.',
  ]);
  t.deepEqual(report.faults(kernels, [{ kernel: /caller/, reason: 'a test' }]).length, 1);
});

// Checked by hand against NVIDIA's occupancy calculator's rules.
test('occupancy is what the scarcest of warps, blocks, registers and shared memory leaves', (t) => {
  t.like(report.occupancy({ architecture: 'sm_80', registers: 32, threads: 256, sharedBytes: 0 }), {
    blocks: 8,
    fraction: 1,
  });
  // 255 registers are given out as 256: 8 warps a multiprocessor.
  t.like(report.occupancy({ architecture: 'sm_90a', registers: 255, threads: 128, sharedBytes: 0 }), {
    blocks: 2,
    fraction: 8 / 64,
    limitedBy: ['registers'],
  });
  // 98304 bytes and the system's 1024: once into 100 KiB, twice into 228 KiB.
  t.like(report.occupancy({ architecture: 'sm_120', registers: 64, threads: 128, sharedBytes: 98304 }), {
    blocks: 1,
    fraction: 4 / 48,
    limitedBy: ['shared memory'],
  });
  t.like(report.occupancy({ architecture: 'sm_90a', registers: 64, threads: 128, sharedBytes: 98304 }), {
    blocks: 2,
    limitedBy: ['shared memory'],
  });
  t.like(report.occupancy({ architecture: 'sm_120', registers: 16, threads: 32, sharedBytes: 0 }), {
    blocks: 24,
    limitedBy: ['blocks'],
  });
  t.is(report.occupancy({ architecture: 'sm_120', registers: 32, threads: 128, sharedBytes: 120 * 1024 }).blocks, 0);
});

test('names of template instances are told apart', (t) => {
  const inside = 'cheems::cuda::attention::(anonymous namespace)::';
  const name =
    `void ${inside}forward_kernel<${inside}ForwardShape<64, 4, 2, 64> ` + '>(cheems::cuda::Problem<__nv_bfloat16>)';
  t.deepEqual(report.splitName(name), { kernel: 'forward_kernel', instance: 'ForwardShape<64, 4, 2, 64>' });
  t.deepEqual(report.splitName('cheems::cuda::(anonymous namespace)::add_kernel(float*)'), {
    kernel: 'add_kernel',
    instance: '',
  });
});

const { findNvcc } = createRequire(__filename)(path.join(scripts, 'build/find_nvcc.cjs')) as {
  findNvcc(): string | undefined;
};
const nvcc = findNvcc();
const KERNEL = (registers: string): string => `__global__ ${registers} void planted(float* out, const float* in) {
  float v[64];
  for (int i = 0; i < 64; ++i) v[i] = in[i * blockDim.x + threadIdx.x];
  for (int round = 0; round < 8; ++round)
    for (int i = 0; i < 64; ++i) v[i] = v[i] * v[(i + 7) % 64] + v[(i + 31) % 64];
  for (int i = 0; i < 64; ++i) out[i * blockDim.x + threadIdx.x] = v[i];
}
`;

(nvcc ? test : test.skip)(
  'compile_kernels.cjs fails on a kernel that is made to spill, and passes it with enough registers',
  (t) => {
    const folder = mkdtempSync(path.join(tmpdir(), 'cheems-kernels-'));
    t.teardown(() => rmSync(folder, { recursive: true, force: true }));
    const compile = (name: string, source: string, architectures = ['80']) => {
      const file = path.join(folder, name);
      writeFileSync(file, source);
      const options = [
        '--file',
        file,
        '--cache',
        path.join(folder, 'cache'),
        '--nvcc',
        nvcc ?? '',
        ...architectures.flatMap((a) => ['--architecture', a]),
      ];
      return spawnSync(process.execPath, [path.join(scripts, 'gpu/compile_kernels.cjs'), ...options], {
        encoding: 'utf8',
      });
    };
    const spilling = compile('spilling.cu', KERNEL('__launch_bounds__(1024, 2)'), ['80', '120']);
    t.is(spilling.status, 1, spilling.stderr);
    for (const architecture of ['sm_80', 'sm_120']) {
      t.regex(
        spilling.stderr,
        new RegExp(`planted.* on ${architecture} spills registers \\(\\d+ bytes stored, \\d+ bytes loaded\\)`),
      );
    }
    const roomy = compile('roomy.cu', KERNEL('__launch_bounds__(128)'));
    t.is(roomy.status, 0, roomy.stderr);
    const broken = compile('broken.cu', 'no kernel');
    t.is(broken.status, 1);
    t.regex(broken.stderr, /broken\.cu does not compile for sm_80/);
  },
);

const USAGE = `Fatbin elf code:
================
arch = sm_80
code version = [1,8]
Resource usage:
 Common:
  GLOBAL:0
 Function _Z4goodPf:
  REG:76 STACK:0 SHARED:2048 LOCAL:0 CONSTANT[0]:424 TEXTURE:0 SURFACE:0 SAMPLER:0
 Function _Z7spilledPf:
  REG:24 STACK:72 SHARED:0 LOCAL:0 CONSTANT[0]:360 TEXTURE:0 SURFACE:0 SAMPLER:0

Fatbin elf code:
================
arch = sm_120
Resource usage:
 Function _Z4goodPf:
  REG:80 STACK:0 SHARED:0 LOCAL:0 CONSTANT[0]:424 TEXTURE:0 SURFACE:0 SAMPLER:0
`;

test('kernels of a built library: what cuobjdump says, and a stack frame is a fault', (t) => {
  const kernels = report.parseResourceUsage(USAGE);
  t.deepEqual(
    kernels.map(({ symbol, architecture, registers, staticSharedBytes, stackBytes }) => [
      symbol,
      architecture,
      registers,
      staticSharedBytes,
      stackBytes,
    ]),
    [
      ['_Z4goodPf', 'sm_80', 76, 2048, 0],
      ['_Z7spilledPf', 'sm_80', 24, 0, 72],
      ['_Z4goodPf', 'sm_120', 80, 0, 0],
    ],
  );
  t.deepEqual(report.faults(kernels), ['_Z7spilledPf on sm_80 has a stack frame of 72 bytes.']);
});

test('bench/KERNELS.md counts every operation of the list', (t) => {
  const root = path.join(__dirname, '../..');
  const list = readFileSync(path.join(root, 'native/ops/list.h'), 'utf8');
  const operations = [...list.matchAll(/^ {2}operation\((\w+), /gm)].map(([, name]) => name!);
  t.true(operations.length >= 30);
  const text = readFileSync(path.join(root, 'bench/KERNELS.md'), 'utf8');
  const table = text.slice(text.indexOf('## Bytes and FLOPs'), text.indexOf('## All other instances'));
  const rows = new Set([...table.matchAll(/^\| (\w+) \|/gm)].map(([, name]) => name));
  const missing = operations.filter((name) => !rows.has(name));
  t.deepEqual(missing, [], 'traffic.cpp in the folder, then node scripts/gpu/compile_kernels.cjs --write-table');
});
