// Which room of lib may import which: a room imports what stands below it, and nothing beside or above.
// Types count as values do. Run by scripts/test.sh; by hand: npm run check:rooms.
'use strict';

/** From the ground up. Rooms of one line know nothing of each other. */
const FLOORS = [
  ['support'],
  ['arguments', 'files', 'text'],
  ['data', 'engine'],
  ['options'],
  ['continuing', 'jinja', 'model_folder'],
  ['hub', 'tokenization'],
  ['generation', 'scoring'],
  ['judging'],
  ['evaluation'],
  ['reporting'],
  ['training'],
  ['cli'],
];

const TESTS = '^lib/(testing|packages)/|[.]test[.]ts$';
const folders = (rooms) => `^lib/(${rooms.join('|')})/`;

const floors = FLOORS.flatMap((rooms, floor) =>
  rooms.map((room) => ({
    name: `${room}-stands-on-what-is-below`,
    severity: 'error',
    from: { path: folders([room]), pathNot: TESTS },
    to: { path: '^lib/', pathNot: folders([room, ...FLOORS.slice(0, floor).flat()]) },
  })),
);

module.exports = {
  forbidden: [
    ...floors,
    {
      name: 'every-room-has-a-floor',
      comment: 'A new room gets its place in FLOORS.',
      severity: 'error',
      from: { path: '^lib/[^/]+/', pathNot: [TESTS, folders(FLOORS.flat())] },
      to: {},
    },
    { name: 'no-cycles', severity: 'error', from: {}, to: { circular: true } },
    {
      name: 'tests-are-not-shipped',
      severity: 'error',
      from: { path: '^lib/', pathNot: TESTS },
      to: { path: TESTS },
    },
    {
      name: 'rooms-have-no-doors',
      comment: 'A name is imported from the file that declares it; lib/index.ts is the one door.',
      severity: 'error',
      from: {},
      to: { path: '^lib/.+/index[.]ts$' },
    },
    { name: 'no-unresolvable', severity: 'error', from: {}, to: { couldNotResolve: true } },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'require', 'node', 'default'] },
  },
};
