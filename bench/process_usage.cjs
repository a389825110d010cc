'use strict';
// Taken along by --require into a process that is measured: at its end it writes its CPU seconds and peak memory to
// $CHEEMS_BENCH_USAGE.

const { writeFileSync } = require('node:fs');
const { isMainThread } = require('node:worker_threads');

const file = process.env.CHEEMS_BENCH_USAGE;
if (file && isMainThread) {
  process.on('exit', () => {
    const { user, system } = process.cpuUsage();
    writeFileSync(
      file,
      JSON.stringify({ cpu: (user + system) / 1e6, peakMib: Math.round(process.resourceUsage().maxRSS / 1024) }),
    );
  });
}
