/** Annotation with the time at which something was written, RFC 3339 (OCI image-spec, annotations.md). */
export const writtenAtAnnotation = 'org.opencontainers.image.created';
