/** Bytes of an error's body that are read; the rest is thrown away with the connection. */
export const maxErrorBodyBytes = 64 * 1024;
/** Bytes of a token endpoint's answer. */
export const maxTokenBodyBytes = 64 * 1024;
/** Bytes that a credential helper may print. */
export const maxHelperOutputBytes = 64 * 1024;
/** Bytes of Docker's config file. */
export const maxDockerConfigBytes = 1024 * 1024;
/** Redirects that one request follows. */
export const maxRedirects = 5;
/** Pages that one listing follows. */
export const maxPages = 10_000;

/** How long a credential helper may take. Some ask a cloud. */
export const helperTimeoutMs = 30_000;
/** How long a connection may take to come up, name look-up and TLS included. */
export const connectTimeoutMs = 15_000;
/** How long a server may think before its headers come. */
export const headersTimeoutMs = 60_000;
/** The same at the end of an upload, where registries copy and check what they got. */
export const uploadHeadersTimeoutMs = 300_000;
/** How long a body may pause between two pieces. */
export const bodyStallTimeoutMs = 60_000;
