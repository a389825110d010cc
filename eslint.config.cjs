// Type-checked lint of lib. Run by scripts/test_long.sh; by hand: npm run lint.
'use strict';
const tseslint = require('typescript-eslint');

module.exports = tseslint.config(
  {
    files: ['lib/**/*.ts'],
    extends: [tseslint.configs.recommendedTypeChecked],
    linterOptions: { reportUnusedDisableDirectives: 'error' },
    languageOptions: { parserOptions: { project: './tsconfig.json', tsconfigRootDir: __dirname } },
    rules: {
      // Modules are loaded when they are needed, with the type beside it: require('x') as typeof import('x').
      '@typescript-eslint/no-require-imports': 'off',
      // A function may be async so that what it throws rejects.
      '@typescript-eslint/require-await': 'off',
      // tsc finds what is not used.
      '@typescript-eslint/no-unused-vars': 'off',
      // In place of verbatimModuleSyntax, which TypeScript has for ES modules alone: what is only a type is imported as
      // one.
      '@typescript-eslint/consistent-type-imports': [
        'error',
        { fixStyle: 'inline-type-imports', disallowTypeAnnotations: false },
      ],
      '@typescript-eslint/no-import-type-side-effects': 'error',
    },
  },
  {
    // Rooms have no doors: a name is imported from the file that declares it.
    files: ['lib/**/*.ts'],
    ignores: ['lib/index.ts', 'lib/public.ts'],
    rules: {
      'no-restricted-syntax': [
        'error',
        {
          selector: ':matches(ExportAllDeclaration, ExportNamedDeclaration[source])',
          message: 'Import the name from the file that declares it; lib/index.ts alone exports again.',
        },
      ],
    },
  },
  {
    // Tests read JSON without describing it, and give functions what they are not made for.
    files: ['lib/**/*.test.ts', 'lib/testing/*.ts'],
    rules: {
      '@typescript-eslint/no-unsafe-argument': 'off',
      '@typescript-eslint/no-unsafe-assignment': 'off',
      '@typescript-eslint/no-unsafe-call': 'off',
      '@typescript-eslint/no-unsafe-member-access': 'off',
      '@typescript-eslint/no-unsafe-return': 'off',
      '@typescript-eslint/only-throw-error': 'off',
      '@typescript-eslint/no-base-to-string': 'off',
      '@typescript-eslint/restrict-template-expressions': 'off',
      '@typescript-eslint/unbound-method': 'off',
    },
  },
);
