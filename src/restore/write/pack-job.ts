/** Writes what is wanted of one pack. Synchronous; runs in a writing thread or in the main thread. */
import { MailrecoverError } from '../../errors/error.ts';
import type { Identity } from '../../repository/age/keys.ts';
import { openPack, type OpenPack } from '../../repository/pack/reader.ts';
import { release } from '../../system/memory.ts';
import { now } from '../../system/clock.ts';
import { writeFile, writeProblem } from './files.ts';
import type { Destination, PackJob, PackResult } from './threads.ts';

function writeAll(content: Buffer, destinations: readonly Destination[], resume: boolean, result: PackResult): void {
  for (const [path, mode, uid, gid, mtime] of destinations) {
    try {
      writeFile(path, [content], { mode, uid: uid < 0 ? undefined : uid, gid: gid < 0 ? undefined : gid, mtime }, resume);
    } catch (error) {
      throw writeProblem(error, path);
    }
    result.files++;
    result.bytes += content.length;
    if (result.firstAt === 0) result.firstAt = now();
  }
}

export function runPackJob(job: PackJob, identities: readonly Identity[] | undefined): PackResult {
  const result: PackResult = { id: job.id, missing: [], kept: [], files: 0, bytes: 0, firstAt: 0 };
  const writes = new Map(job.write);
  const keeps = new Set(job.keep);
  const left = new Set([...writes.keys(), ...keeps]);
  let pack: OpenPack | undefined;
  try {
    try {
      pack = openPack(Buffer.from(job.bytes.buffer, job.bytes.byteOffset, job.bytes.byteLength), identities, job.pack, true);
    } catch (error) {
      if (!(error instanceof MailrecoverError) || error.code !== 'damage') throw error;
      for (const sha of left) result.missing.push({ sha, damaged: true });
      return result;
    }
    for (const entry of pack.table.entries) {
      if (!left.has(entry.sha)) continue;
      let content: Buffer;
      try {
        content = pack.content(entry);
      } catch (error) {
        if (!(error instanceof MailrecoverError) || error.code !== 'damage') throw error;
        result.missing.push({ sha: entry.sha, damaged: true });
        left.delete(entry.sha);
        continue;
      }
      left.delete(entry.sha);
      writeAll(content, writes.get(entry.sha) ?? [], job.resume, result);
      if (keeps.has(entry.sha)) result.kept.push([entry.sha, new Uint8Array(content)]);
    }
    for (const sha of left) result.missing.push({ sha, damaged: false });
  } catch (error) {
    const known = error instanceof MailrecoverError;
    const message = error instanceof Error ? error.message : String(error);
    result.error = {
      code: known ? error.code : 'bug',
      message,
      hint: known ? error.hint : undefined,
      subject: known ? error.subject : undefined,
    };
  } finally {
    pack?.close();
    release(job.bytes);
  }
  return result;
}
