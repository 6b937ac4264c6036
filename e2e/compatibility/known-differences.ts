/** A recorded build whose keys are not those of the BuildKit at hand, and why that is nobody's mistake. */
export interface KnownDifference {
  readonly reason: string;
  /** Steps, by their instruction, that run on either side although the other has cached them. */
  readonly steps: readonly string[];
}

const excluded = 'BuildKit 0.25 hashes what --exclude leaves otherwise';
const wildcard = 'BuildKit 0.25 hashes the matches of a wildcard otherwise';

/**
 * Builds that BuildKit 0.25 keys otherwise than newer ones do, which is what the embedded engine follows. With a newer
 * BuildKit, they may have gone. What depends on such a step runs, too.
 */
export const olderContentKeys: Readonly<Record<string, KnownDifference>> = {
  'add-exclude': { reason: excluded, steps: ['ADD --exclude=lib --chown=5:6 src /app'] },
  'add-tar-wild': { reason: wildcard, steps: ['ADD *.tar package.json /data/'] },
  'copy-exclude': { reason: excluded, steps: ['COPY --exclude=*.js src /app/src'] },
  'copy-exclude-deep': { reason: excluded, steps: ['COPY --exclude=**/*.js --exclude=!src/a.js . /app/'] },
  'copy-exclude-link': {
    reason: excluded,
    steps: ['COPY --link --exclude=*.js src /app/src', 'LINK COPY --link --exclude=*.js src /app/src'],
  },
  'copy-link-many': {
    reason: wildcard,
    steps: ['COPY --link src/*.js /y/', 'LINK COPY --link src/*.js /y/', 'COPY --link --chmod=700 bin /z', 'RUN ls /x'],
  },
  'copy-wildcard': { reason: wildcard, steps: ['COPY src/*.js /app/'] },
  'symlink-wild': { reason: wildcard, steps: ['COPY s*/*.js /x/', 'COPY l*/a.js /y/'] },
  'wildcard-dir': { reason: wildcard, steps: ['COPY src/* /app/', 'COPY * /all/'] },
  'wildcard-many': { reason: wildcard, steps: ['COPY src/*.js *.md /app/'] },
};

/** Builds with a flag that the Dockerfile frontend in BuildKit 0.25 does not know, and the flag. */
export const newerFlags: Readonly<Record<string, string>> = {
  'copy-parents': '--parents',
  'copy-parents-from': '--parents',
  'copy-parents-star2': '--parents',
  'copy-parents-wild': '--parents',
  'run-security-sandbox': '--security',
};

/**
 * Steps that BuildKit may run with any cache, its own included, since it exports no results of theirs. No command of a
 * user runs for them.
 */
export const neverExported: readonly { readonly reason: string; readonly step: RegExp }[] = [
  {
    reason: 'BuildKit exports no merge with a base image that it had no need to fetch',
    step: /^\[[^\]]*\] LINK COPY /,
  },
  { reason: 'BuildKit exports no directory that WORKDIR makes on scratch', step: /^\[1\/\d+\] WORKDIR / },
];

/** What the estargz cells say where {@link canWriteEstargz} found that BuildKit dies of writing one. */
export const estargzPanic =
  'BuildKit built with Go 1.27 (as in Docker 28.5.2 of Debian) panics when it writes estargz: "footer buffer = 48, not 51"';
