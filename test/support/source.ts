/** The project's own files, parsed, for test/tidy.test.ts. */
import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import ts from 'typescript'

export const ROOT = join(import.meta.dirname, '../..')

/** Names of the commands. */
export const COMMANDS = readdirSync(join(ROOT, 'bin')).filter((name) => name !== 'package.json')

export interface SourceFile {
  /** From the root: `src/pipe/input.ts` */
  readonly path: string
  readonly text: string
  readonly tree: ts.SourceFile
}

export interface Import {
  /** As written, or from the root where it is one of our files. */
  readonly name: string
  readonly types: boolean
}

/** Paths from the root of all files below a directory, sorted. */
export function filesOf(directory: string): string[] {
  if (!existsSync(join(ROOT, directory))) return []
  return readdirSync(join(ROOT, directory), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(ROOT, join(entry.parentPath, entry.name)))
    .sort()
}

/** Paths of all that belongs to the project: what .gitignore does not leave out. Works without git, too. */
export function projectFiles(): string[] {
  const ignored = ['.git', ...read('.gitignore').split('\n').map((line) => line.replace(/\/$/, ''))]
  const inside = (directory: string): string[] =>
    readdirSync(join(ROOT, directory), { withFileTypes: true }).flatMap((entry) => {
      const path = join(directory, entry.name)
      if (ignored.some((name) => matchesGlob(entry.name, name))) return []
      return entry.isDirectory() ? inside(path) : entry.isFile() ? [path] : []
    })
  return inside('.').sort()
}

/** Of .gitignore only what ours needs: a star. */
function matchesGlob(name: string, pattern: string): boolean {
  return new RegExp(`^${pattern.replaceAll('.', '\\.').replaceAll('*', '.*')}$`).test(name)
}

export function read(path: string): string {
  return readFileSync(join(ROOT, path), 'utf8')
}

export function parse(path: string): SourceFile {
  const text = read(path)
  return { path, text, tree: ts.createSourceFile(path, text, ts.ScriptTarget.ES2023, true) }
}

/** `import … from`, `export … from`, `import()` and `require()`. */
export function importsOf(file: SourceFile): Import[] {
  const found: Import[] = []
  const add = (name: string, types: boolean): void => {
    found.push({ name: name.startsWith('.') ? join(dirname(file.path), name).replace(/\.js$/, '.ts') : name, types })
  }
  walk(file.tree, (node) => {
    if (ts.isImportDeclaration(node)) add((node.moduleSpecifier as ts.StringLiteral).text, node.importClause?.phaseModifier === ts.SyntaxKind.TypeKeyword)
    if (ts.isExportDeclaration(node) && node.moduleSpecifier) add((node.moduleSpecifier as ts.StringLiteral).text, node.isTypeOnly)
    if (!ts.isCallExpression(node)) return
    const [argument] = node.arguments
    if (argument === undefined || !ts.isStringLiteral(argument)) return
    const callee = node.expression
    if (callee.kind === ts.SyntaxKind.ImportKeyword || /^(require|createRequire\(.*\))$/.test(callee.getText())) add(argument.text, false)
  })
  return found
}

export interface FunctionSize {
  readonly name: string
  readonly lines: number
}

/** Every function with a body, with the number of its lines. */
export function functionsOf(file: SourceFile): FunctionSize[] {
  const found: FunctionSize[] = []
  walk(file.tree, (node) => {
    if (!ts.isFunctionLike(node) || !('body' in node) || node.body === undefined) return
    const [from, to] = [node.getStart(), node.getEnd()].map((at) => file.tree.getLineAndCharacterOfPosition(at).line)
    found.push({ name: nameOf(node), lines: to! - from! + 1 })
  })
  return found
}

/** The words of every name that a file declares: `batchBytesMax` is batch, bytes, max. */
export function declaredNames(file: SourceFile): string[] {
  const found: string[] = []
  walk(file.tree, (node) => {
    const name = (node as { name?: ts.Node }).name
    const declares = ts.isVariableDeclaration(node) || ts.isParameter(node) || ts.isBindingElement(node) || ts.isFunctionLike(node) || ts.isClassLike(node) || ts.isPropertyDeclaration(node) || ts.isPropertySignature(node) || ts.isTypeAliasDeclaration(node) || ts.isInterfaceDeclaration(node)
    if (declares && name !== undefined && (ts.isIdentifier(name) || ts.isPrivateIdentifier(name))) found.push(name.text)
  })
  return found
}

/** The values that a file exports by name; types are left out, they may be named for what an export takes. */
export function exportedNames(file: SourceFile): string[] {
  return file.tree.statements.flatMap((statement) => {
    if (!ts.canHaveModifiers(statement) || !ts.getModifiers(statement)?.some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword)) return []
    if (ts.isVariableStatement(statement)) return statement.declarationList.declarations.map(({ name }) => name.getText())
    if (!ts.isFunctionDeclaration(statement) && !ts.isClassDeclaration(statement)) return []
    return statement.name === undefined ? [] : [statement.name.text]
  })
}

/** Uses of the globals in `names`: `process.pid`, `Date.now()`. */
export function globalsUsed(file: SourceFile, names: readonly string[]): string[] {
  const found: string[] = []
  walk(file.tree, (node) => {
    if (ts.isPropertyAccessExpression(node) && names.some((name) => name === node.getText() || name === node.expression.getText())) found.push(node.getText())
    if (ts.isNewExpression(node) && names.includes(`new ${node.expression.getText()}()`) && !node.arguments?.length) found.push(node.getText())
  })
  return found
}

function nameOf(node: ts.Node): string {
  const named = (node as { name?: ts.Node }).name ?? (node.parent as { name?: ts.Node }).name
  return named?.getText() ?? (ts.isConstructorDeclaration(node) ? 'constructor' : 'anonymous')
}

function walk(node: ts.Node, visit: (node: ts.Node) => void): void {
  visit(node)
  ts.forEachChild(node, (child) => walk(child, visit))
}
