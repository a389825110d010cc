// Checks that a published library needs only what every machine has:
//   node scripts/release/check_binary.cjs FILE [--glibc 2.31]
// It may need libc, libm and the loader, and of them no version that is newer than --glibc says (without it, any). The
// C++ library is in it, and it shows nothing but its entry points. Prints what it found, and each fault as a sentence;
// with any, the exit code is 1.
'use strict';
const { execFileSync } = require('node:child_process');

// librt has shm_open for NVIDIA's runtime before glibc 2.34, and is part of libc's package ever since.
const LIBRARIES = /^(libc\.so\.6|libm\.so\.6|librt\.so\.1|ld-linux-x86-64\.so\.2|ld-linux-aarch64\.so\.1)$/;
const ENTRY_POINTS = new Set(['napi_register_module_v1', 'node_api_module_get_api_version_v1', 'cheems_plugin_entry']);
/**
 * Functions that the process already has. Before glibc 2.34, threads and dlopen are in libpthread and libdl, which Node
 * always loads. From 2.34 on they are in libc.
 */
const OF_NODE = /^(napi_|node_api_|pthread_|__pthread_key_create$|dl(m?open|close|v?sym|error|addr|info)$|sem_)/;

function objdump(option, file) {
  try {
    return execFileSync(process.env.OBJDUMP || 'objdump', [option, file], {
      encoding: 'utf8',
      maxBuffer: 1 << 28,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, LC_ALL: 'C' },
    });
  } catch (error) {
    throw new Error(
      error.code === 'ENOENT'
        ? 'objdump was not found: apt-get install binutils'
        : `${file} cannot be read as a library: ${String(error.stderr).trim()}`,
    );
  }
}

const byVersion = (a, b) => a.localeCompare(b, 'en', { numeric: true });

/** The dynamic symbols: [{ name, version, isUndefined, isDefined, isWeak }]. */
function dynamicSymbols(file) {
  return objdump('-T', file)
    .split('\n')
    .flatMap((line) => {
      const [, flags, section, version, name] =
        /^[0-9a-f]+ (.{7}) (\S+)\t[0-9a-f]+\s+(?:\(?([\w.]+)\)?\s+)?(?:\.hidden )?(\S+)$/.exec(line) ?? [];
      if (name === undefined) return [];
      return [
        {
          name,
          version: version === 'Base' ? undefined : version,
          isUndefined: section === '*UND*',
          isDefined: section !== '*UND*' && flags[0] !== 'l',
          isWeak: flags[1] === 'w',
        },
      ];
    });
}

function checkBinary(file, newestGlibc) {
  const needed = [...objdump('-p', file).matchAll(/^ {2}NEEDED\s+(\S+)$/gm)].map(([, name]) => name);
  const symbols = dynamicSymbols(file);
  if (symbols.length === 0) throw new Error(`${file} has no dynamic symbols.`);
  const wanted = symbols.filter(({ isUndefined }) => isUndefined);
  const versions = [...new Set(wanted.map(({ version }) => version).filter(Boolean))];
  const glibc = versions
    .filter((version) => /^GLIBC_\d/.test(version))
    .map((version) => version.slice('GLIBC_'.length))
    .sort(byVersion)
    .at(-1);
  const names = (list) =>
    list
      .map(({ name }) => name)
      .sort()
      .join(', ');
  const faults = [];
  for (const library of needed)
    if (!LIBRARIES.test(library)) faults.push(`It needs ${library}: link that statically, or do without.`);
  for (const version of versions)
    if (!/^GLIBC_\d/.test(version))
      faults.push(
        `It needs symbols of version ${version}: ${names(wanted.filter((symbol) => symbol.version === version))}.`,
      );
  if (newestGlibc !== undefined && glibc !== undefined && byVersion(glibc, newestGlibc) > 0) {
    const newer = wanted.filter(
      ({ version }) => version?.startsWith('GLIBC_') && byVersion(version.slice('GLIBC_'.length), newestGlibc) > 0,
    );
    faults.push(`It needs glibc ${glibc}, and at most ${newestGlibc} is allowed: ${names(newer)}.`);
  }
  const nobodys = wanted.filter(({ version, name, isWeak }) => version === undefined && !isWeak && !OF_NODE.test(name));
  if (nobodys.length > 0) faults.push(`No library that it names has ${names(nobodys)}.`);
  const shown = symbols.filter(
    ({ isDefined, name, version }) =>
      isDefined && !ENTRY_POINTS.has(name) && !(version !== undefined && name === version),
  );
  if (shown.length > 0)
    faults.push(`It shows ${names(shown)}, which is nobody else's business (native/core/exports.ld).`);
  return { needed, glibc, faults };
}

function main(args) {
  const at = args.indexOf('--glibc');
  const newestGlibc = at < 0 ? undefined : args[at + 1];
  const files = args.filter((_, i) => at < 0 || (i !== at && i !== at + 1));
  if (files.length !== 1 || (at >= 0 && !/^\d+\.\d+$/.test(newestGlibc ?? '')))
    throw new Error('Usage: node scripts/release/check_binary.cjs FILE [--glibc 2.31]');
  const [file] = files;
  const { needed, glibc, faults } = checkBinary(file, newestGlibc);
  console.log(`${file}: needs ${needed.join(', ') || 'no library'}; newest symbol version GLIBC_${glibc ?? 'none'}`);
  for (const fault of faults) console.error(`${file}: ${fault}`);
  if (faults.length > 0) process.exitCode = 1;
}

try {
  main(process.argv.slice(2));
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
}
