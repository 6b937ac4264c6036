import { createGzip } from 'node:zlib';
import type { Compressor } from '../../compression/contract';

/** The simplest compressor there is; counts how often it was asked for. */
export function gzipCompressors(): { readonly compress: () => Compressor; count: () => number } {
  let made = 0;
  return {
    compress: () => {
      made++;
      return { stream: createGzip({ level: 1 }), summary: () => ({ annotations: {} }) };
    },
    count: () => made,
  };
}
