import * as z from 'zod';

const commands = (when: string) =>
  z
    .array(
      z
        .array(z.string().min(1, 'must not be empty'))
        .min(1, 'must name a program')
        .meta({ examples: [['/usr/local/sbin/mail-hook', 'backup']] }),
    )
    .default([])
    .meta({ description: `commands that run ${when}, each as a list of the program and its arguments` });

/** Commands of the administrator around one of ours. */
const hookPart = z.strictObject({
  verb: z
    .string()
    .regex(/^[a-z]+(?:-[a-z]+)*(?: [a-z]+)?$/, 'must be the name of a command')
    .meta({
      description: 'the command around which they run: one that changes or proves something, such as backup, verify or prune',
      examples: ['backup'],
    }),
  before: commands('before it; one that fails stops it'),
  after: commands('after it came to its end, also with warnings or in part; one that fails is a warning'),
  error: commands('after it failed, was refused or was interrupted'),
  timeout: z.int().min(1).max(86_400).default(300).meta({ description: 'seconds that each may take' }),
});

export const hooksPart = z.array(hookPart).superRefine((hooks, context) => {
  const verbs = new Set<string>();
  for (const [index, { verb }] of hooks.entries()) {
    if (verbs.has(verb)) context.addIssue({ code: 'custom', path: [index, 'verb'], message: `has hooks already: '${verb}'` });
    verbs.add(verb);
  }
});
