/** What went over the wire since the client was made. */
export interface TrafficReport {
  /** HTTP requests that were answered, redirects and token requests included. */
  readonly requests: number;
  /** By `requestKind`: `HEAD manifest`, `PUT blob`. */
  readonly requestsByKind: Readonly<Record<string, number>>;
  /** Bytes of blobs only, those of repeated attempts included. */
  readonly bytesSent: number;
  readonly bytesReceived: number;
}

/** Counts bytes of blobs, for reports and tests. */
export class BlobTraffic {
  #sent = 0;
  #received = 0;

  get bytesSent(): number {
    return this.#sent;
  }

  get bytesReceived(): number {
    return this.#received;
  }

  countSent(bytes: number): void {
    this.#sent += bytes;
  }

  countReceived(bytes: number): void {
    this.#received += bytes;
  }
}
