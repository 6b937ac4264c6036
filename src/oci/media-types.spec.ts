import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  convertLayerMediaType,
  isForeignLayer,
  isImageConfig,
  isIndex,
  isLayer,
  isManifest,
  layerEncoding,
  layerMediaType,
  mediaTypes,
} from './media-types';

test('each media type has one role', () => {
  for (const mediaType of Object.values(mediaTypes)) {
    const roles = [isIndex, isManifest, isImageConfig, isLayer].filter((predicate) => predicate(mediaType));
    assert.equal(roles.length, mediaType === mediaTypes.ociEmpty ? 0 : 1, mediaType);
  }
});

test('layers convert between the families and back without losing what they are', () => {
  for (const mediaType of Object.values(mediaTypes).filter(isLayer)) {
    const docker = convertLayerMediaType(mediaType, 'docker');
    const oci = convertLayerMediaType(docker, 'oci');
    assert.ok(docker.startsWith('application/vnd.docker.') && oci.startsWith('application/vnd.oci.'));
    assert.equal(layerEncoding(docker), layerEncoding(mediaType));
    assert.equal(isForeignLayer(oci), isForeignLayer(mediaType));
    assert.ok([docker, oci].includes(mediaType));
  }
});

test('what is no layer has no encoding and converts to itself', () => {
  assert.equal(layerEncoding('text/plain'), undefined);
  assert.equal(convertLayerMediaType('text/plain', 'oci'), 'text/plain');
  assert.equal(layerMediaType('oci', 'zstd'), mediaTypes.ociLayerZstd);
  assert.equal(layerMediaType('docker', 'none'), mediaTypes.dockerLayer);
});
