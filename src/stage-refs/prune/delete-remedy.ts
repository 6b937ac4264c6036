/** Registries whose own API deletes what that of the OCI specification does not, by host. */
const remedies: readonly (readonly [host: RegExp, remedy: string])[] = [
  [
    /(?:^|\.)docker\.(?:io|com)$/,
    'Docker Hub deletes tags by its own API only: DELETE https://hub.docker.com/v2/repositories/REPOSITORY/tags/TAG',
  ],
  [
    /^ghcr\.io$/,
    'GHCR deletes by the GitHub Packages API only: DELETE /orgs/ORG/packages/container/NAME/versions/ID, with the scope delete:packages',
  ],
  [
    /\.ecr\.[a-z0-9-]+\.amazonaws\.com(?:\.cn)?$/,
    'ECR deletes by its own API only: aws ecr batch-delete-image --image-ids imageTag=TAG, or a lifecycle policy',
  ],
  [
    /(?:\.pkg\.dev|(?:^|\.)gcr\.io)$/,
    'the account needs the right artifactregistry.versions.delete; or use: gcloud artifacts docker images delete',
  ],
  [
    /\.azurecr\.io$/,
    'the account needs the role AcrDelete; tags alone go by az acr repository untag, images by az acr repository delete',
  ],
  [/(?:^|\.)quay\.io$/, 'Quay has an API of its own: DELETE /api/v1/repository/REPOSITORY/tag/TAG'],
  [
    /(?:^|\.)gitlab\./,
    'GitLab has an API of its own: DELETE /projects/ID/registry/repositories/ID/tags/TAG, or cleanup policies',
  ],
];

const commonRemedy =
  'deletion may be turned off in the registry (distribution: storage.delete.enabled), or these credentials may not delete (Harbor, Artifactory and others have a right for it)';

/** What a user does instead where a registry refuses to delete. `host` may have a port. */
export function deleteRemedy(host: string): string {
  const name = host.replace(/:\d+$/, '');
  return remedies.find(([pattern]) => pattern.test(name))?.[1] ?? commonRemedy;
}
