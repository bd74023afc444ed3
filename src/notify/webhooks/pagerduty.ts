/** PagerDuty's Events API v2 (developer.pagerduty.com: "Send an event", POST /v2/enqueue). */
import { isoTime } from '../../system/clock.ts';
import { cutLine, cutText } from './cut.ts';
import type { NotifyEvent } from '../message.ts';
import type { HookRequest, Template } from './template.ts';

const MAX_SUMMARY = 1024;
const MAX_KEY = 255;
/** An event may have 512 KB. */
const MAX_DETAILS = 100_000;

const SEVERITY = { warning: 'warning', partial: 'error', failed: 'critical' } as const;

/** One event for each thing that is reported: what is wrong triggers, what is well resolves. A message that reports nothing, as a test, triggers and resolves at once. */
export const pagerduty: Template = ({ mail, token }) => {
  const event = (action: 'trigger' | 'resolve', key: string, payload?: object): HookRequest => ({
    headers: { 'content-type': 'application/json; charset=utf-8' },
    body: JSON.stringify({
      routing_key: token,
      event_action: action,
      dedup_key: cutLine(`mailrecover/${key}`, MAX_KEY),
      client: 'mailrecover',
      ...(payload === undefined ? {} : { payload }),
    }),
  });
  const details = { report: cutText(mail.text, MAX_DETAILS), message: mail.id };
  const payload = (summary: string, source: string, severity: string): object => ({
    summary: cutLine(summary, MAX_SUMMARY) || 'mailrecover',
    source: source || 'mailrecover',
    severity,
    timestamp: isoTime(mail.writtenAt),
    group: 'mailrecover',
    custom_details: details,
  });
  const { events = [] } = mail;
  if (events.length === 0) return [event('trigger', mail.id, payload(mail.subject, 'mailrecover', 'info')), event('resolve', mail.id)];
  return events.map(({ key, outcome, summary, host, command }: NotifyEvent) =>
    outcome === 'ok'
      ? event('resolve', key)
      : event('trigger', key, { ...payload(summary, host, SEVERITY[outcome]), ...(command === undefined ? {} : { class: command }) }),
  );
};
