/** A recorded build whose keys are not those of the BuildKit at hand, and why that is nobody's mistake. */
export interface KnownDifference {
  readonly reason: string;
  /** Steps, by their instruction, that run on either side although the other has cached them. */
  readonly steps: readonly string[];
}

/**
 * Builds that BuildKit 0.25 keys otherwise than newer ones do, which is what the embedded engine follows. With a newer
 * BuildKit, they may have gone.
 */
export const olderContentKeys: Readonly<Record<string, KnownDifference>> = {
  'copy-exclude': {
    reason: 'BuildKit 0.25 hashes what --exclude leaves otherwise',
    steps: ['COPY --exclude=*.js src /app/src'],
  },
  'copy-wildcard': {
    reason: 'BuildKit 0.25 hashes the matches of a wildcard otherwise',
    steps: ['COPY src/*.js /app/'],
  },
};

/**
 * The merge of `COPY --link` with a base image that BuildKit had no need to fetch. Its cache then names neither the
 * base's layers nor the merge's result, so that whoever imports it merges again: no command runs for that.
 */
export const lazyMerge = {
  reason: 'BuildKit exports no merge with a base image that it did not fetch',
  step: /^\[[^\]]*\] LINK COPY /,
} as const;

/** What the estargz cells say where {@link canWriteEstargz} found that BuildKit dies of writing one. */
export const estargzPanic =
  'BuildKit built with Go 1.27 (as in Docker 28.5.2 of Debian) panics when it writes estargz: "footer buffer = 48, not 51"';
