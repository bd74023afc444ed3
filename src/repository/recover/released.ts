/** What released versions put beside the objects of a repository. Made by tools/generate.ts from the repositories in test/compat. */
export const RELEASED: readonly { version: string; name: string; sha256: string }[] = [
  { version: '0.1.0', name: 'recover.sh', sha256: '42eec4497ce3a596883668ba4b8030700f8bf44695a72494869a7b38e8977344' },
  { version: '0.1.0', name: 'RECOVER.md', sha256: '55215a25cde1abe7965cade657fa262016d286ec6ebb9ae5402ccda6cf537d9d' },
];
