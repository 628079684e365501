import js from '@eslint/js'
import tseslint from 'typescript-eslint'

const STREAMS = 'makes the descriptor non-blocking for every process that shares it: use src/disk/descriptor.ts or src/disk/fd.ts'

export default tseslint.config(
  { ignores: ['dist/', 'run/', '.tap/', '**/tap-testdir-*/'] },
  js.configs.recommended,
  { files: ['**/*.js'], languageOptions: { globals: { process: 'readonly' } } },
  { files: ['bin/flume-*'], languageOptions: { sourceType: 'commonjs', globals: { require: 'readonly' } } },
  {
    files: ['**/*.ts'],
    extends: [tseslint.configs.recommendedTypeChecked],
    languageOptions: { parserOptions: { project: './tsconfig.json', tsconfigRootDir: import.meta.dirname } },
    rules: {
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/no-misused-promises': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
      '@typescript-eslint/only-throw-error': ['error', { allowThrowingAny: true, allowThrowingUnknown: true }],
      '@typescript-eslint/unbound-method': 'off',
      '@typescript-eslint/prefer-promise-reject-errors': 'off',
      '@typescript-eslint/require-await': 'off',
      eqeqeq: 'error',
      semi: ['error', 'never'],
      'no-control-regex': 'off',
    },
  },
  {
    files: ['src/**/*.ts'],
    rules: {
      'no-console': 'error',
      'no-restricted-properties': [
        'error',
        { object: 'process', property: 'stdin', message: STREAMS },
        { object: 'process', property: 'stdout', message: STREAMS },
        { object: 'process', property: 'stderr', message: STREAMS },
      ],
    },
  },
  {
    files: ['test/**/*.ts'],
    rules: {
      // the promise of t.test(), for which tap itself waits
      '@typescript-eslint/no-floating-promises': [
        'error',
        { allowForKnownSafePromises: [{ from: 'package', package: '@tapjs/core', name: 'PromiseWithSubtest' }] },
      ],
    },
  },
)
