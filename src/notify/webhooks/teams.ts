/**
 * Microsoft Teams: the webhook of a workflow ("Post to a channel when a webhook request is received"), with an Adaptive Card.
 * The connectors of Office 365 that took other cards are retired.
 */
import { cutText, jsonLength } from './cut.ts';
import { severityOf, type Severity, type Template } from './template.ts';

/**
 * A message may have about 28 KB, and the workflow wraps ours into its own. It answers before it posts, so what is too large is
 * refused where nobody here sees it: stay well below.
 */
const MAX_TEXT = 16_000;
const MAX_TITLE = 1000;

const COLOUR: Record<Severity, string> = { info: 'default', ok: 'good', warning: 'warning', partial: 'warning', failed: 'attention' };

export const teams: Template = ({ mail }) => {
  const title = { type: 'TextRun', text: cutText(mail.subject, MAX_TITLE, jsonLength), size: 'large', weight: 'bolder' };
  // Runs are shown as they are: there is no markup in them that a name could bring along.
  const runs = lines(cutText(mail.text.trim(), MAX_TEXT / 2, weight)).map((text) => ({ type: 'TextRun', text, fontType: 'monospace' }));
  const card = {
    $schema: 'http://adaptivecards.io/schemas/adaptive-card.json',
    type: 'AdaptiveCard',
    version: '1.5',
    fallbackText: title.text,
    msteams: { width: 'Full' },
    body: [
      { type: 'RichTextBlock', inlines: [{ ...title, color: COLOUR[severityOf(mail)] }] },
      { type: 'RichTextBlock', inlines: runs },
    ],
  };
  const message = {
    type: 'message',
    attachments: [{ contentType: 'application/vnd.microsoft.card.adaptive', contentUrl: null, content: card }],
  };
  return [{ headers: { 'content-type': 'application/json; charset=utf-8' }, body: JSON.stringify(message) }];
};

/** What each line costs beside its own characters: the run around it. */
const RUN = 30;

function weight(text: string): number {
  return (jsonLength(text) + RUN * text.split('\n').length) / 2;
}

function lines(text: string): string[] {
  const all = text.split('\n');
  return all.map((line, index) => (index < all.length - 1 ? `${line}\n` : line));
}
